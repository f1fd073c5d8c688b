"""Taking a pipeline down in the order that Strimzi needs, one step per reconcile, without ever hanging.

Strimzi's topic operator lives in the Kafka cluster and holds a finalizer on every KafkaTopic. So topics and users go
while it lives, then the Kafka, then the pools, whose pods would otherwise lose their cluster. What waits for a Strimzi
that is not there is helped along once the patience is used up, and what others hold is then left to them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import GROUP
from orderpipeline_operator.domain.kubernetes.kinds import (
    AUTOSCALER_KINDS,
    CLUSTER_KINDS,
    ENTITY_KINDS,
    KAFKA,
    NODE_POOL,
    TOPIC,
    Ref,
)
from orderpipeline_operator.domain.planning.observed import Observed

FINALIZER: Final = f"{GROUP}/teardown"
TOPIC_FINALIZER: Final = "strimzi.io/topic-operator"


@dataclass(frozen=True)
class Teardown:
    """The next step. Nothing to delete, release or wait for means done: our own finalizer may go."""

    delete: tuple[Ref, ...] = ()
    release: tuple[Ref, ...] = ()
    """KafkaTopics whose finalizer nobody is left to remove."""
    waiting: str = ""
    """What is waited for, in words for the user; empty: the next step can follow at once."""

    @property
    def done(self) -> bool:
        """Whether the pipeline has nothing left."""
        return not (self.delete or self.release or self.waiting)


def next_step(observed: Observed, now: datetime, teardown_seconds: float) -> Teardown:
    """What to do now. `teardown_seconds`: seconds after its deletion that a pipeline waits for pods and Strimzi."""
    timed_out = (now - deleted_at(observed)).total_seconds() > teardown_seconds
    services = observed.of(
        *(kind for kind in {ref.kind for ref in observed.children} if kind not in (*CLUSTER_KINDS, *ENTITY_KINDS))
    )
    if services and not _stuck(observed, services, timed_out):
        # The autoscaler first, so that it scales nothing that is going.
        return _remove(observed, [*observed.of(*AUTOSCALER_KINDS), *services], "services")
    if observed.pods and not timed_out:
        return Teardown(waiting=f"{observed.pods} pods to finish what they hold")
    entities = observed.of(*ENTITY_KINDS)
    if entities and not _stuck(observed, entities, timed_out):
        return _remove_entities(observed, timed_out)
    for kind in (KAFKA, NODE_POOL):
        if observed.of(kind) and not _stuck(observed, observed.of(kind), timed_out):
            return _remove(observed, list(observed.of(kind)), kind.kind)
    return Teardown()


def _stuck(observed: Observed, refs: Iterable[Ref], timed_out: bool) -> bool:
    """Whether all that is left of a step is held by finalizers that are not ours to remove, and was for long enough."""
    return timed_out and all(_dying(observed, ref) and not (ref.kind == TOPIC and _held(observed, ref)) for ref in refs)


def deleted_at(observed: Observed) -> datetime:
    """When the pipeline's deletion was asked for."""
    return datetime.fromisoformat(observed.cr["metadata"]["deletionTimestamp"])


def _remove(observed: Observed, refs: list[Ref], what: str) -> Teardown:
    todo = tuple(ref for ref in dict.fromkeys(refs) if not _dying(observed, ref))
    return Teardown(delete=todo, waiting=f"{what} to go")


def _remove_entities(observed: Observed, timed_out: bool) -> Teardown:
    """Topics and users; once the Kafka is gone, or the patience is, the topics' finalizers are removed by us."""
    alone = observed.kafka is None or _dying(observed, Ref(KAFKA, observed.namespace, observed.name)) or timed_out
    stuck = [ref for ref in observed.of(TOPIC) if _dying(observed, ref) and _held(observed, ref)]
    step = _remove(observed, list(observed.of(*ENTITY_KINDS)), "Strimzi to remove topics and users")
    return Teardown(delete=step.delete, release=tuple(stuck) if alone else (), waiting=step.waiting)


def _dying(observed: Observed, ref: Ref) -> bool:
    return bool(observed.children[ref]["metadata"].get("deletionTimestamp"))


def _held(observed: Observed, ref: Ref) -> bool:
    return TOPIC_FINALIZER in (observed.children[ref]["metadata"].get("finalizers") or ())
