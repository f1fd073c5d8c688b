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


def next_step(seen: Observed, now: datetime, patience: float) -> Teardown:
    """What to do now. `patience`: seconds after its deletion that a pipeline waits for pods and Strimzi."""
    impatient = (now - deleted_at(seen)).total_seconds() > patience
    services = seen.of(
        *(kind for kind in {ref.kind for ref in seen.children} if kind not in (*CLUSTER_KINDS, *ENTITY_KINDS))
    )
    if services and not _stuck(seen, services, impatient):
        # The autoscaler first, so that it scales nothing that is going.
        return _remove(seen, [*seen.of(*AUTOSCALER_KINDS), *services], "services")
    if seen.pods and not impatient:
        return Teardown(waiting=f"{seen.pods} pods to finish what they hold")
    entities = seen.of(*ENTITY_KINDS)
    if entities and not _stuck(seen, entities, impatient):
        return _remove_entities(seen, impatient)
    for kind in (KAFKA, NODE_POOL):
        if seen.of(kind) and not _stuck(seen, seen.of(kind), impatient):
            return _remove(seen, list(seen.of(kind)), kind.kind)
    return Teardown()


def _stuck(seen: Observed, refs: Iterable[Ref], impatient: bool) -> bool:
    """Whether all that is left of a step is held by finalizers that are not ours to remove, and was for long enough."""
    return impatient and all(_dying(seen, ref) and not (ref.kind == TOPIC and _held(seen, ref)) for ref in refs)


def deleted_at(seen: Observed) -> datetime:
    """When the pipeline's deletion was asked for."""
    return datetime.fromisoformat(seen.cr["metadata"]["deletionTimestamp"])


def _remove(seen: Observed, refs: list[Ref], what: str) -> Teardown:
    todo = tuple(ref for ref in dict.fromkeys(refs) if not _dying(seen, ref))
    return Teardown(delete=todo, waiting=f"{what} to go")


def _remove_entities(seen: Observed, impatient: bool) -> Teardown:
    """Topics and users; once the Kafka is gone, or the patience is, the topics' finalizers are removed by us."""
    alone = seen.kafka is None or _dying(seen, Ref(KAFKA, seen.namespace, seen.name)) or impatient
    stuck = [ref for ref in seen.of(TOPIC) if _dying(seen, ref) and _held(seen, ref)]
    step = _remove(seen, list(seen.of(*ENTITY_KINDS)), "Strimzi to remove topics and users")
    return Teardown(delete=step.delete, release=tuple(stuck) if alone else (), waiting=step.waiting)


def _dying(seen: Observed, ref: Ref) -> bool:
    return bool(seen.children[ref]["metadata"].get("deletionTimestamp"))


def _held(seen: Observed, ref: Ref) -> bool:
    return TOPIC_FINALIZER in (seen.children[ref]["metadata"].get("finalizers") or ())
