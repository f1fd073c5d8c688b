"""What was observed of one pipeline, and how to read it. Everything here is a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orderpipeline_operator.domain.kubernetes.kinds import (
    DEPLOYMENT,
    HPA,
    KAFKA,
    MIRROR,
    SCALED_OBJECT,
    Key,
    Kind,
    Manifest,
    Ref,
)


@dataclass(frozen=True)
class Observed:
    """One look at a pipeline and its objects."""

    cr: Manifest
    children: Mapping[Ref, Manifest] = field(default_factory=dict)
    """Objects whose controlling owner is this pipeline."""
    foreign_objects: frozenset[Ref] = frozenset()
    """Objects with a name or label of this pipeline that it does not own."""
    secrets: Mapping[str, Manifest | None] = field(default_factory=dict)
    """The Secrets that the pipeline needs, by name; None: it does not exist."""
    missing_kinds: frozenset[Kind] = frozenset()
    """Kinds that this cluster does not know."""
    pod_sets: tuple[Manifest, ...] = ()
    """The StrimziPodSets of its Kafka, at least their metadata and status."""
    pods: int = 0
    """Pods of the pipeline's own Deployments that still exist."""
    mirror_pods: tuple[str, ...] = ()
    """Names of MirrorMaker 2's pods that still exist at a pipeline that has no mirror in its spec."""

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return str(self.cr["metadata"]["name"])

    @property
    def created(self) -> str:
        """When the pipeline was created, as Kubernetes writes that."""
        return str(self.cr["metadata"].get("creationTimestamp") or "")

    @property
    def namespace(self) -> str:
        """The pipeline's namespace."""
        return str(self.cr["metadata"]["namespace"])

    @property
    def key(self) -> Key:
        """The pipeline's namespace and name."""
        return self.namespace, self.name

    @property
    def uid(self) -> str:
        """The pipeline's uid."""
        return str(self.cr["metadata"]["uid"])

    def child(self, kind: Kind, name: str) -> Manifest | None:
        """One owned object, or None."""
        return self.children.get(Ref(kind, self.namespace, name))

    def of(self, *kinds: Kind) -> dict[Ref, Manifest]:
        """The owned objects of some kinds, in order of name."""
        return {ref: self.children[ref] for ref in sorted(self.children) if ref.kind in kinds}

    @property
    def kafka(self) -> Manifest | None:
        """The Kafka resource, or None."""
        return self.child(KAFKA, self.name)

    @property
    def mirroring(self) -> bool:
        """Whether a mirror exists or its pods still do, so that orders may still be copied."""
        return bool(self.of(MIRROR) or self.mirror_pods)

    def deployment(self, name: str) -> Manifest | None:
        """A Deployment, or None."""
        return self.child(DEPLOYMENT, name)

    def hpa(self, name: str) -> Manifest | None:
        """A HorizontalPodAutoscaler, or None."""
        return self.child(HPA, name)

    def scaled_object(self, name: str) -> Manifest | None:
        """A ScaledObject of KEDA's, or None."""
        return self.child(SCALED_OBJECT, name)


@dataclass(frozen=True)
class Scaling:
    """What the sampler knows of one pipeline; None wherever it does not know."""

    orders: int | None = None
    seconds: float | None = None
    partitions: int | None = None
    desired: int | None = None
    why: str = ""
    error: str = ""
    """Why there is no sample of the lag; empty when there is one."""
    latest: dict[str, Any] | None = None
    """The current decision, with its numbers, as in `decisions`."""
    decisions: tuple[dict[str, Any], ...] = ()
    """Newest last."""
    state: dict[str, Any] | None = None
    leaving: tuple[str, ...] = ()
    """Members of the group, by client.id, to be removed first when there are too many; in that order."""


def forecast_slot(state: Mapping[str, Any] | None) -> object:
    """Which slot the forecast in a state of the scaling is learning; None without a forecast."""
    return ((state or {}).get("forecast") or {}).get("slot")


def condition(manifest: Manifest | None, type_: str) -> dict[str, Any] | None:
    """One condition of an object, or None."""
    for entry in conditions(manifest):
        if entry.get("type") == type_:
            return entry
    return None


def conditions(manifest: Manifest | None) -> list[dict[str, Any]]:
    """All conditions of an object."""
    return list(((manifest or {}).get("status") or {}).get("conditions") or ())


def is_true(manifest: Manifest | None, type_: str) -> bool:
    """Whether a condition is True; a missing one is not."""
    found = condition(manifest, type_)
    return found is not None and found.get("status") == "True"


def up_to_date(manifest: Manifest) -> bool:
    """Whether the object's controller has seen its latest spec."""
    observed = (manifest.get("status") or {}).get("observedGeneration")
    return observed is not None and observed >= manifest["metadata"].get("generation", 0)
