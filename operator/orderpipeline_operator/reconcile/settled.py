"""Whether a pass can be left out: the last one found everything as it should be, and another would see the same."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.planning.observed import Observed, Scaling
from orderpipeline_operator.domain.planning.plan import Plan
from orderpipeline_operator.domain.planning.replica_steps import replicas_to_set
from orderpipeline_operator.domain.status.build import Findings

TIMED: Final = frozenset({"Starting", "ScalingOut"})
"""Reasons of conditions that become others merely by time."""

Problem = tuple[str, str] | None
"""Reason and message, or that there is none."""


@dataclass(frozen=True)
class Inputs:
    """What a pass is made from: the pipeline, its objects and Secrets by their revision, and the sampler's view."""

    uid: str
    version: str
    """The pipeline's resourceVersion."""
    revision: object
    view: Scaling | None


@dataclass(frozen=True)
class Settled:
    """A pass that left nothing to do."""

    inputs: Inputs
    secrets: tuple[str, ...]
    """Names of those that it read."""
    asks_external_metrics: bool
    external_metrics_problem: Problem

    async def holds(self, inputs: Inputs | None, external_metrics: Callable[[], Awaitable[Problem]]) -> bool:
        """Whether a pass from `inputs` would do as little; None: they are not known."""
        if inputs != self.inputs:
            return False
        return not self.asks_external_metrics or await external_metrics() == self.external_metrics_problem


def nothing_left(observed: Observed, found: Findings, status: Manifest, *, direct: bool) -> bool:
    """Whether the pipeline is up, nothing was or is to be written, and no condition will change by time alone."""
    conditions = {entry["type"]: entry for entry in status["conditions"]}
    return (
        conditions["Ready"]["status"] == "True"
        and not any(entry["reason"] in TIMED for entry in conditions.values())
        and found.plan == Plan(missing_kinds=found.plan.missing_kinds)
        and not (found.failures or found.contested or observed.foreign_objects)
        and replicas_to_set(observed, found.scaling, direct=direct) is None
    )
