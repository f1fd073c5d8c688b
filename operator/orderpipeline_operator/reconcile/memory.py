"""What the reconciler remembers of a pipeline between two passes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orderpipeline_operator.domain.kubernetes.kinds import Ref
from orderpipeline_operator.reconcile.settled import Settled


@dataclass
class PipelineMemory:
    """Memory of one pipeline. It saves work and requests; metrics show some of it; a new leader starts without it."""

    contested: dict[Ref, str] = field(default_factory=dict)
    """Objects that something else changes back, each with a digest of the state in which it was left."""
    names_in_use: frozenset[Ref] = frozenset()
    """Names that this pipeline renders and that an object without its labels already has."""
    first_to_go: tuple[str, ...] = ()
    """Consumers, by client.id, whose pods have a deletion cost so that they are removed first."""
    scaled_directly: bool = False
    """Whether the operator itself sets the number of consumers, by the spec that was accepted last."""
    conditions: Mapping[str, bool] = field(default_factory=dict)
    """Conditions of the last status that are known."""
    certificates: Mapping[str, float] = field(default_factory=dict)
    """When the certificates in a Secret expire, in Unix seconds."""
    settled: Settled | None = None
    """The last pass, if it left nothing to do."""
