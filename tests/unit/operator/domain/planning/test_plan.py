"""What may be written when."""

from dataclasses import replace

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Manifest, Ref, ref_of
from orderpipeline_operator.domain.planning.plan import Plan, last_stage_waits, plan
from tests.unit.operator.samples import SECRETS, live, observation, ready, stages

KAFKA, ENTITIES, WORKLOADS = (stage.manifests for stage in stages())
STAGES = (KAFKA, ENTITIES, WORKLOADS)


def written(planned: Plan) -> set[Ref]:
    return {ref_of(each) for each in planned.apply}


def refs(*groups: tuple[Manifest, ...]) -> set[Ref]:
    return {ref_of(each) for group in groups for each in group}


def test_a_new_pipeline_begins_with_kafka_alone() -> None:
    planned = plan(STAGES, observation())
    assert written(planned) == refs(KAFKA)
    assert planned.waiting_for == ("Kafka shop",)


def test_topics_and_users_follow_a_ready_kafka() -> None:
    planned = plan(STAGES, observation(*map(ready, KAFKA)))
    assert written(planned) == refs(ENTITIES)
    assert "KafkaUser shop-consumer" in planned.waiting_for


def test_a_kafka_that_is_not_ready_holds_them() -> None:
    assert written(plan(STAGES, observation(*map(live, KAFKA)))) == set()


def test_services_follow_ready_topics_users_and_their_secrets() -> None:
    strimzi = [*map(ready, KAFKA), *map(ready, ENTITIES)]
    assert written(plan(STAGES, observation(*strimzi, secrets=SECRETS))) == refs(WORKLOADS)
    short = plan(STAGES, observation(*strimzi, secrets=SECRETS[1:]))
    assert kinds.DEPLOYMENT not in {ref.kind for ref in written(short)}
    assert "Secret shop-producer" in short.waiting_for


def test_services_wait_for_every_entry_of_their_secrets() -> None:
    login = {
        "bootstrapServers": "kafka:9093",
        "credentialsSecret": "login",
        "tls": {"caSecret": {"name": "ca", "key": "pem"}},
    }
    sink = {"type": "postgres", "dsnSecret": {"name": "pg", "key": "dsn"}}
    made = [stage.manifests for stage in stages(kafka={"existing": login}, consumer={"sink": sink})]
    there = replace(
        observation(), secrets={"login": {"data": {"username": "eA=="}}, "ca": {"data": {"pem": "eA=="}}, "pg": {}}
    )
    planned = plan(made, there)
    assert kinds.DEPLOYMENT not in {ref.kind for ref in written(planned)}
    assert planned.waiting_for == planned.held_back == ("key dsn of Secret pg", "key password of Secret login")


def test_services_that_must_wait_are_neither_made_nor_changed() -> None:
    strimzi = [*map(ready, KAFKA), *map(ready, ENTITIES)]
    hold = "Kafka shop to open its listener tls"
    fresh = plan(STAGES, observation(*strimzi, secrets=SECRETS), hold)
    assert kinds.DEPLOYMENT not in {ref.kind for ref in written(fresh)}
    assert hold in fresh.waiting_for
    running = [live(each) for each in WORKLOADS]
    changed = [{**each, "spec": {**each["spec"], "paused": True}} if "spec" in each else each for each in WORKLOADS]
    held = plan((KAFKA, ENTITIES, changed), observation(*strimzi, *running, secrets=SECRETS), hold)
    assert kinds.DEPLOYMENT not in {ref.kind for ref in written(held)}
    assert kinds.SERVICE in {ref.kind for ref in written(held)}, "what needs no Kafka goes on"
    assert held.held_back == (hold,)
    unchanged = plan(STAGES, observation(*strimzi, *running, secrets=SECRETS), hold)
    assert (unchanged.apply, unchanged.held_back) == ((), ())


def test_one_topic_that_is_not_ready_holds_the_services() -> None:
    strimzi = [*map(ready, KAFKA), live(ENTITIES[0]), *map(ready, ENTITIES[1:])]
    assert written(plan(STAGES, observation(*strimzi, secrets=SECRETS))) == set()


def test_services_that_exist_are_repaired_whatever_kafka_says() -> None:
    there = [*map(live, KAFKA), *map(live, ENTITIES), *map(live, WORKLOADS)]
    missing = ref_of(WORKLOADS[0])
    without = [each for each in there if ref_of(each) != missing]
    assert written(plan(STAGES, observation(*without, secrets=SECRETS))) == {missing}


def test_nothing_is_written_when_all_is_there() -> None:
    there = [live(each) for stage in STAGES for each in stage]
    planned = plan(STAGES, observation(*there, secrets=SECRETS))
    assert (planned.apply, planned.prune, planned.foreign) == ((), (), ())


def test_a_change_of_kafka_and_pools_reaches_strimzi_kafka_first() -> None:
    changed = stages(kafka={"rackTopologyKey": "zone", "listeners": {"plain": True}, "brokers": {"replicas": 4}})
    made = [stage.manifests for stage in changed]
    new = [each["kind"] for each in plan(made, observation()).apply]
    assert new == ["KafkaNodePool", "KafkaNodePool", "Kafka"], "a Kafka without pools would be an error"
    there = [*map(ready, KAFKA), *map(ready, ENTITIES), *map(live, WORKLOADS)]
    again = [each["kind"] for each in plan(made, observation(*there, secrets=SECRETS)).apply]
    assert again == ["Kafka", "KafkaNodePool", "KafkaNodePool"]


def test_what_dies_is_not_written() -> None:
    there = [live(each) for stage in STAGES for each in stage]
    dying = live(KAFKA[-1])
    dying["metadata"]["deletionTimestamp"] = "2026-11-22T12:00:00Z"
    dying["spec"] = {}
    kept = [each for each in there if ref_of(each) != ref_of(dying)]
    assert written(plan(STAGES, observation(*kept, dying, secrets=SECRETS))) == set()


def test_strangers_are_refused_and_hold_what_needs_them() -> None:
    kafka = Ref(kinds.KAFKA, "default", "shop")
    planned = plan(STAGES, replace(observation(), foreign_objects=frozenset({kafka})))
    assert planned.foreign == (kafka,)
    assert written(planned) == refs(KAFKA) - {kafka}


def test_absent_kinds_are_named_and_hold_what_needs_them() -> None:
    planned = plan(STAGES, replace(observation(), missing_kinds=frozenset(kinds.CLUSTER_KINDS)))
    assert written(planned) == set()
    assert planned.missing_kinds == tuple(sorted(kinds.CLUSTER_KINDS))


def test_an_existing_kafka_is_not_waited_for() -> None:
    made = [
        stage.manifests
        for stage in stages(kafka={"existing": {"bootstrapServers": "kafka:9092", "tls": {"enabled": False}}})
    ]
    assert kinds.DEPLOYMENT in {ref.kind for ref in written(plan(made, observation()))}


def test_kafka_is_never_pruned() -> None:
    there = [live(each) for stage in STAGES for each in stage]
    planned = plan([(), (), ()], observation(*there))
    assert {ref.kind for ref in planned.prune}.isdisjoint(kinds.CLUSTER_KINDS)
    assert set(planned.prune) == refs(ENTITIES, WORKLOADS)


def test_secrets_matter_once_all_before_the_services_is_ready_or_one_of_them_is_there() -> None:
    assert last_stage_waits(STAGES, observation())
    assert last_stage_waits(STAGES, observation(*map(ready, KAFKA), *map(live, ENTITIES)))
    assert not last_stage_waits(STAGES, observation(*map(ready, KAFKA), *map(ready, ENTITIES)))
    assert not last_stage_waits(STAGES, observation(*map(live, KAFKA), live(WORKLOADS[0])))
    assert not last_stage_waits(((), (), WORKLOADS), observation())
