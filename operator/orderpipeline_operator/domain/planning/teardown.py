"""Takes a pipeline down in the order that Strimzi needs, one step per pass, without ever hanging.

Strimzi's topic operator lives in the Kafka cluster and holds a finalizer on every KafkaTopic. So topics and users are
deleted while it runs, then the Kafka, then the pools, whose pods would otherwise lose their cluster. Once the timeout
has passed, what waits for a missing Strimzi is released, and what others hold is left to them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import GROUP
from orderpipeline_operator.domain.kubernetes import names
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
from orderpipeline_operator.domain.units.wording import counted

FINALIZER: Final = f"{GROUP}/teardown"
TOPIC_FINALIZER: Final = "strimzi.io/topic-operator"


@dataclass(frozen=True)
class Teardown:
    """The next step. Nothing to delete, release or wait for means done: our own finalizer can be removed."""

    delete: tuple[Ref, ...] = ()
    release: tuple[Ref, ...] = ()
    """KafkaTopics whose finalizer has nobody left to remove it."""
    waiting: str = ""
    """What is waited for, in words for the user; empty: the next step can follow at once."""

    @property
    def done(self) -> bool:
        """Whether the pipeline has nothing left."""
        return not (self.delete or self.release or self.waiting)


def next_step(observed: Observed, now: datetime, teardown_seconds: float) -> Teardown:
    """What to do now. `teardown_seconds`: how long after its deletion a pipeline waits for pods and Strimzi."""
    timed_out = (now - deleted_at(observed)).total_seconds() > teardown_seconds
    services = observed.of(
        *(kind for kind in {ref.kind for ref in observed.children} if kind not in (*CLUSTER_KINDS, *ENTITY_KINDS))
    )
    if services and not _stuck(observed, services, timed_out):
        # The autoscaler first, so that it scales nothing that is being deleted.
        return _remove(observed, [*observed.of(*AUTOSCALER_KINDS), *services], "the services")
    if observed.pods and not timed_out:
        return Teardown(
            waiting=f"{counted(observed.pods, 'pod')} to finish {'its' if observed.pods == 1 else 'their'} orders"
        )
    entities = observed.of(*ENTITY_KINDS)
    if entities and not _stuck(observed, entities, timed_out):
        return _remove_entities(observed, timed_out)
    for kind in (KAFKA, NODE_POOL):
        if observed.of(kind) and not _stuck(observed, observed.of(kind), timed_out):
            step = _remove(observed, list(observed.of(kind)), kind.kind)
            return replace(step, waiting="; ".join(filter(None, (step.waiting, left_to_strimzi(observed)))))
    return Teardown()


def left_to_strimzi(observed: Observed) -> str:
    """What stays when Strimzi's operator is not there to delete it, in words for the user; empty: nothing.

    Strimzi makes one object outside the namespace, for a Kafka with racks. It has no owner, and nothing here tells
    whether Strimzi's operator runs.
    """
    kafka = (observed.cr.get("spec") or {}).get("kafka") or {}
    if not kafka.get("rackTopologyKey") or kafka.get("existing"):
        return ""
    name = f"strimzi-{observed.namespace}-{names.kafka(observed.name)}-kafka-init"
    return f"Strimzi's operator deletes ClusterRoleBinding {name}: if it is not running, delete that yourself"


def _stuck(observed: Observed, refs: Iterable[Ref], timed_out: bool) -> bool:
    """Whether all that is left of a step has long been held by finalizers that are not ours to remove."""
    return timed_out and all(_dying(observed, ref) and not (ref.kind == TOPIC and _held(observed, ref)) for ref in refs)


def deleted_at(observed: Observed) -> datetime:
    """When the pipeline's deletion was requested."""
    return datetime.fromisoformat(observed.cr["metadata"]["deletionTimestamp"])


def _remove(observed: Observed, refs: list[Ref], what: str) -> Teardown:
    todo = tuple(ref for ref in dict.fromkeys(refs) if not _dying(observed, ref))
    return Teardown(delete=todo, waiting=f"{what} to be deleted")


def _remove_entities(observed: Observed, timed_out: bool) -> Teardown:
    """Topics and users. Once the Kafka is gone, or the time is up, the operator removes the topics' finalizers."""
    alone = observed.kafka is None or _dying(observed, Ref(KAFKA, observed.namespace, observed.name)) or timed_out
    stuck = [ref for ref in observed.of(TOPIC) if _dying(observed, ref) and _held(observed, ref)]
    step = _remove(observed, list(observed.of(*ENTITY_KINDS)), "the topics and users")
    return Teardown(delete=step.delete, release=tuple(stuck) if alone else (), waiting=step.waiting)


def _dying(observed: Observed, ref: Ref) -> bool:
    return bool(observed.children[ref]["metadata"].get("deletionTimestamp"))


def _held(observed: Observed, ref: Ref) -> bool:
    return TOPIC_FINALIZER in (observed.children[ref]["metadata"].get("finalizers") or ())
