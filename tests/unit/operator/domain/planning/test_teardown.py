"""The next step of a deletion."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Manifest, ref_of
from orderpipeline_operator.domain.planning.observed import Observed
from orderpipeline_operator.domain.planning.teardown import TOPIC_FINALIZER, Teardown, left_to_strimzi, next_step
from tests.unit.operator.samples import live, observation, pipeline_cr, stages

ASKED = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOON, LATE = ASKED + timedelta(seconds=5), ASKED + timedelta(seconds=121)
KAFKA, ENTITIES, WORKLOADS = (tuple(map(live, stage.manifests)) for stage in stages())


def going(*objects: Manifest, pods: int = 0) -> Observed:
    return observation(*objects, cr=pipeline_cr(deletionTimestamp="2026-11-22T12:00:00Z"), pods=pods)


def dying(manifest: Manifest, *finalizers: str) -> Manifest:
    meta = {**manifest["metadata"], "deletionTimestamp": "2026-11-22T12:00:01Z", "finalizers": list(finalizers)}
    return {**manifest, "metadata": meta}


def kinds_of(step: Teardown) -> set[str]:
    return {ref.kind.kind for ref in step.delete}


def test_services_go_first_and_the_autoscaler_before_them() -> None:
    step = next_step(going(*KAFKA, *ENTITIES, *WORKLOADS), SOON, 120)
    assert set(step.delete) == {ref_of(each) for each in WORKLOADS}
    assert step.delete[0].kind == kinds.HPA


def test_pods_finish_but_not_for_ever() -> None:
    waiting = next_step(going(*KAFKA, *ENTITIES, pods=2), SOON, 120)
    assert waiting.delete == ()
    assert waiting.waiting.startswith("2 pods ")
    assert kinds_of(next_step(going(*KAFKA, *ENTITIES, pods=2), LATE, 120)) == {"KafkaTopic", "KafkaUser"}


def test_topics_and_users_go_while_the_kafka_stands() -> None:
    assert kinds_of(next_step(going(*KAFKA, *ENTITIES), SOON, 120)) == {"KafkaTopic", "KafkaUser"}
    held = [dying(each, TOPIC_FINALIZER) for each in ENTITIES]
    step = next_step(going(*KAFKA, *held), SOON, 120)
    assert (step.delete, step.release, step.done) == ((), (), False)


def test_held_topics_are_released_when_nobody_else_will() -> None:
    held = [dying(each, TOPIC_FINALIZER) for each in ENTITIES if each["kind"] == "KafkaTopic"]
    topics = tuple(sorted(ref_of(each) for each in held))
    pools = [each for each in KAFKA if each["kind"] == "KafkaNodePool"]
    assert next_step(going(*KAFKA, *held), LATE, 120).release == topics
    assert next_step(going(*pools, *held), SOON, 120).release == topics
    foreign = [dying(each, "somebody/else") for each in held]
    assert next_step(going(*KAFKA, *foreign), LATE, 120).release == ()


def test_then_the_kafka_then_its_pools_then_nothing() -> None:
    assert kinds_of(next_step(going(*KAFKA), SOON, 120)) == {"Kafka"}
    pools = [each for each in KAFKA if each["kind"] == "KafkaNodePool"]
    assert kinds_of(next_step(going(*pools), SOON, 120)) == {"KafkaNodePool"}
    assert not next_step(going(*map(dying, pools)), SOON, 120).done
    assert next_step(going(), SOON, 120).done


def test_what_others_hold_is_left_to_them_after_a_while() -> None:
    service = next(each for each in WORKLOADS if each["kind"] == "Service")
    held = dying(service, "load-balancer/cleanup")
    assert next_step(going(*KAFKA, *ENTITIES, held), SOON, 120).waiting == "the services to be deleted"
    assert kinds_of(next_step(going(*KAFKA, *ENTITIES, held), LATE, 120)) == {"KafkaTopic", "KafkaUser"}
    topics = [dying(each, "somebody/else") for each in ENTITIES]
    assert kinds_of(next_step(going(*KAFKA, *topics, held), LATE, 120)) == {"Kafka"}
    assert next_step(going(*topics, held), LATE, 120).done, "the garbage collector has them"


def test_what_only_strimzi_can_delete_is_named() -> None:
    binding = "ClusterRoleBinding strimzi-default-shop-kafka-init"
    racks = {"kafka": {"rackTopologyKey": "topology.kubernetes.io/zone"}}
    existing = {"kafka": {"rackTopologyKey": "zone", "existing": {"bootstrapServers": "kafka:9092"}}}
    for spec, named in ((racks, True), ({}, False), (existing, False)):
        observed = going(*KAFKA)
        observed = replace(observed, cr={**observed.cr, "spec": spec})
        assert (binding in next_step(observed, SOON, 120).waiting) is named
        assert (binding in left_to_strimzi(observed)) is named
    assert next_step(replace(going(), cr={**going().cr, "spec": racks}), SOON, 120).done
