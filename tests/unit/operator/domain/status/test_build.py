"""Conditions, the rest of the status, and when it is written."""

from dataclasses import replace
from typing import Any

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Ref, ref_of
from orderpipeline_operator.domain.planning.observed import Scaling
from orderpipeline_operator.domain.planning.plan import Plan
from orderpipeline_operator.domain.status.build import (
    Findings,
    rejected_status,
    worth_writing,
)
from tests.unit.operator.domain.status.samples import (
    AVAILABLE,
    CONSUMER,
    ENTITIES,
    GOOD,
    KAFKA,
    KAFKA_REF,
    LAG,
    NOW,
    PRODUCER,
    all_ready,
    built,
    changed,
    message,
    verdicts,
)
from tests.unit.operator.samples import READY, TIME, live, observation, pipeline_cr


def test_all_is_well() -> None:
    made = built(all_ready())
    assert verdicts(made) == {
        "Ready": ("True", "Ready"),
        "Accepted": ("True", "Accepted"),
        "KafkaReady": ("True", "Ready"),
        "ProducersReady": ("True", "Available"),
        "ConsumersReady": ("True", "Available"),
        "AutoscalingActive": ("True", "Following"),
        "Paused": ("False", "Running"),
        "Degraded": ("False", "AsExpected"),
        "Reconciling": ("False", "UpToDate"),
        "Stalled": ("False", "AsExpected"),
    }
    assert made["lag"] == {"orders": 1200, "seconds": 8.3}
    assert made["consumers"] == {"current": 2, "ready": 2, "desired": 4, "why": "12 partitions"}
    assert made["producers"] == {"current": 2, "ready": 2}
    assert made["partitions"] == 12
    assert made["observedGeneration"] == 3
    assert all(entry["observedGeneration"] == 3 for entry in made["conditions"])


def test_unknown_is_left_out_and_never_zero() -> None:
    unknown = Scaling(error="Unreachable: no broker answers", desired=4, why="held")
    made = built(all_ready(), Findings(scaling=unknown))
    assert "lag" not in made
    assert verdicts(made)["AutoscalingActive"] == ("False", "LagUnknown")
    assert made["consumers"]["desired"] == 4
    nothing = built(observation(), Findings())
    assert {"lag", "consumers", "partitions", "scaling", "warnings", "endpoints"}.isdisjoint(nothing)


@pytest.mark.parametrize(
    ("conditions", "verdict"),
    [
        ([], ("False", "Pending")),
        ([{**READY, "type": "NotReady", "reason": "Creating", "message": "..."}], ("False", "Creating")),
        ([{"type": "ReconciliationPaused", "status": "True"}], ("False", "ReconciliationPaused")),
        ([{**READY, "type": "NotReady", "reason": "bad word!", "message": "m"}], ("False", "badword")),
    ],
)
def test_what_strimzi_says_of_kafka(conditions: list[Any], verdict: tuple[str, str]) -> None:
    observed = changed(all_ready(), KAFKA_REF, status={"conditions": conditions})
    made = built(observed)
    assert verdicts(made)["KafkaReady"] == verdict
    assert verdicts(made)["Ready"] == verdict


@pytest.mark.parametrize("ref", [KAFKA_REF, Ref(kinds.NODE_POOL, "default", "shop-brokers")])
def test_a_roll_stays_ready_and_says_what_is_being_changed(ref: Ref) -> None:
    before = all_ready()
    assert "still applying" not in message(built(before), "KafkaReady")
    rolling = {**before.children[ref]["metadata"], "generation": 5}
    made = built(changed(before, ref, metadata=rolling))
    assert verdicts(made)["Ready"] == ("True", "Ready")
    assert f"still applying the latest change of {ref.kind.kind} {ref.name}." in message(made, "KafkaReady")


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((3, 3, 3), ""),
        ((3, 1, 3), " Its pods roll: 1 of 3 of StrimziPodSet shop-brokers are up to date."),
        ((3, 3, 2), " Its pods roll: 2 of 3 of StrimziPodSet shop-brokers are ready."),
    ],
)
def test_a_roll_that_no_change_of_ours_began_shows_in_the_pod_sets(numbers: tuple[int, int, int], text: str) -> None:
    status_now = dict(zip(("pods", "currentPods", "readyPods"), numbers, strict=True))
    pod_set = {"metadata": {"name": "shop-brokers"}, "status": status_now}
    made = built(replace(all_ready(), pod_sets=(pod_set,)))
    assert verdicts(made)["Ready"] == ("True", "Ready")
    assert message(made, "KafkaReady") == f"Kafka shop is ready.{text}"


def test_the_last_address_stays_while_strimzi_drops_it() -> None:
    listeners = [{"name": "tls", "bootstrapServers": "shop-kafka-bootstrap.default.svc:9093"}]
    observed = changed(all_ready(), KAFKA_REF, status={"conditions": [READY], "listeners": listeners})
    first = built(observed)
    assert first["endpoints"]["bootstrap"] == "shop-kafka-bootstrap.default.svc:9093"
    dropped = changed(all_ready(), KAFKA_REF, status={"conditions": []})
    later = replace(dropped, cr={**pipeline_cr(), "status": first})
    assert built(later)["endpoints"] == first["endpoints"]


def test_a_failing_topic_is_reported() -> None:
    failing = {"type": "Ready", "status": "False", "reason": "NotSupported", "message": "fewer partitions"}
    made = built(changed(all_ready(), ref_of(ENTITIES[0]), status={"conditions": [failing]}))
    assert verdicts(made)["Degraded"] == ("True", "KafkaTopicNotReady")
    assert verdicts(made)["Ready"][0] == "False"


def test_strimzis_warnings() -> None:
    warning = {"type": "Warning", "status": "True", "reason": "KafkaStorage", "message": "ephemeral"}
    made = built(changed(all_ready(), KAFKA_REF, status={"conditions": [READY, warning, dict(warning)]}))
    assert made["warnings"] == ["Kafka shop: KafkaStorage: ephemeral"]
    fought = built(all_ready(), replace(GOOD, contested=(CONSUMER,)))
    assert fought["warnings"][0].startswith("Deployment shop-consumer does not stay as applied")


def test_a_fresh_leader_keeps_what_the_last_one_knew() -> None:
    before = built(all_ready())
    observed = replace(all_ready(), cr={**pipeline_cr(), "status": before})
    again = built(observed, Findings())
    assert not worth_writing(before, again)
    assert again["consumers"]["desired"] == 4
    existing = {"existing": {"bootstrapServers": "kafka:9092", "tls": {"enabled": False}}}
    good = built(all_ready(), GOOD, kafka=existing)
    later = replace(all_ready(), cr={**pipeline_cr(), "status": good})
    assert verdicts(built(later, Findings(), kafka=existing))["Ready"] == ("True", "Ready")


def test_partitions_of_an_existing_kafka_stay_known() -> None:
    existing = {"existing": {"bootstrapServers": "kafka:9092", "tls": {"enabled": False}}}
    good = built(observation(), GOOD, kafka=existing)
    later = observation(cr={**pipeline_cr(), "status": good})
    for found in (Findings(), Findings(scaling=Scaling(error="Unreachable: x"))):
        assert built(later, found, kafka=existing)["partitions"] == 12


def test_what_needs_a_hand() -> None:
    plan = Plan(foreign=(Ref(kinds.SERVICE, "default", "shop-producer"),), missing_kinds=(kinds.HTTP_ROUTE,))
    made = built(all_ready(), Findings(plan=plan, failures=("apply Kafka: spec.x is wrong",)))
    assert verdicts(made)["Degraded"] == ("True", "NotOwned")
    message = next(entry["message"] for entry in made["conditions"] if entry["type"] == "Degraded")
    assert all(word in message for word in ("Service shop-producer", "HTTPRoute", "spec.x is wrong"))


def test_no_strimzi() -> None:
    made = built(replace(observation(), missing_kinds=frozenset(kinds.CLUSTER_KINDS)))
    assert verdicts(made)["KafkaReady"] == ("False", "StrimziMissing")
    taken = built(replace(observation(), foreign_objects=frozenset({KAFKA_REF})))
    assert verdicts(taken)["KafkaReady"] == ("False", "NotOwned")


def test_existing_kafka_is_judged_by_the_sampler() -> None:
    existing = {"existing": {"bootstrapServers": "kafka:9092", "tls": {"enabled": False}}}
    asked = built(observation(), Findings(), kafka=existing)
    assert verdicts(asked)["KafkaReady"] == ("Unknown", "NotSampled")
    broken = built(observation(), Findings(scaling=Scaling(error="Unreachable: x")), kafka=existing)
    assert verdicts(broken)["KafkaReady"] == ("False", "Unreachable")
    good = built(observation(), Findings(scaling=LAG), kafka=existing)
    assert verdicts(good)["KafkaReady"] == ("True", "Existing")
    assert good["endpoints"]["bootstrap"] == "kafka:9092"


def test_services_that_wait_say_for_what() -> None:
    made = built(observation(*map(live, KAFKA)), Findings(plan=Plan(waiting_for=("Kafka shop",))))
    entry = next(each for each in made["conditions"] if each["type"] == "ProducersReady")
    assert (entry["reason"], entry["message"]) == ("Waiting", "Waiting for Kafka shop.")


def test_a_change_that_is_held_back_is_reported() -> None:
    held = Findings(plan=Plan(waiting_for=("Secret pg",), held_back=("Secret pg",)), scaling=LAG)
    entry = next(each for each in built(all_ready(), held)["conditions"] if each["type"] == "ConsumersReady")
    assert entry["status"] == "True"
    assert entry["message"] == "The pod is ready. Changes are waiting for Secret pg."


def test_pods_that_do_not_come_up() -> None:
    stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    before = all_ready()
    spec = {**before.children[CONSUMER]["spec"], "replicas": 3}
    made = built(changed(before, CONSUMER, spec=spec, status={"conditions": [stuck], "readyReplicas": 1}))
    entry = next(each for each in made["conditions"] if each["type"] == "ConsumersReady")
    assert entry["reason"] == "ProgressDeadlineExceeded"
    assert "1 of 3" in entry["message"]


STARTED = "2026-11-22T12:59:30Z"
UNAVAILABLE = {"type": "Available", "status": "False", "lastTransitionTime": STARTED}


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ({"ready": 2}, {"readyReplicas": 2}, ("True", "ScalingOut")),
        ({"ready": 2}, {"readyReplicas": 3}, ("True", "ScalingOut")),
        ({"ready": 0}, {}, ("True", "ScalingOut")),  # from none at all
        ({"ready": 3}, {"readyReplicas": 2}, ("False", "Starting")),  # one of those that served does not any more
        ({"ready": 2}, {"readyReplicas": 2, "conditions": [UNAVAILABLE | {"lastTransitionTime": TIME}]},
         ("False", "Starting")),  # an hour is no start
        ({}, {"readyReplicas": 2}, ("False", "Starting")),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("ref", "part"), [(CONSUMER, "consumers"), (PRODUCER, "producers")])
def test_pods_that_are_added_do_not_count_while_the_others_serve(
    ref: Ref, part: str, before: dict[str, int], now: dict[str, Any], verdict: tuple[str, str]
) -> None:
    good, type_ = all_ready(), f"{part.capitalize()}Ready"
    status = {**built(good), part: before}
    spec = {**good.children[ref]["spec"], "replicas": 6}
    more = changed(good, ref, spec=spec, status={"conditions": [UNAVAILABLE], **now})
    made = built(replace(more, cr={**pipeline_cr(), "status": status}))
    assert verdicts(made)[type_] == verdict
    assert verdicts(made)["Ready"] == (("True", "Ready") if verdict[0] == "True" else verdict)
    fresh = {**status, "conditions": [{**each, "status": "False"} for each in status["conditions"]]}
    first = built(replace(more, cr={**pipeline_cr(), "status": fresh}))
    assert verdicts(first)[type_] == ("False", "Starting"), "they never were ready"


def test_a_rollout_that_is_stuck_is_reported_while_the_old_pods_go_on() -> None:
    stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    quota = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    before, meta = all_ready(), {"generation": 2}
    for failing, reason in ((stuck, "ProgressDeadlineExceeded"), (quota, "FailedCreate")):
        status_now = {"conditions": [AVAILABLE, failing], "readyReplicas": 2, "observedGeneration": 2}
        known = {**before.children[CONSUMER]["metadata"], **meta}
        made = verdicts(built(changed(before, CONSUMER, metadata=known, status=status_now)))
        assert made["ConsumersReady"] == ("True", "Available")
        assert made["Degraded"] == ("True", reason)
        newer = {**known, "generation": 3}
        fixed = built(changed(before, CONSUMER, metadata=newer, status=status_now))
        assert verdicts(fixed)["Degraded"] == ("False", "AsExpected"), "the verdict is on the spec before"


def test_times_move_only_with_the_status() -> None:
    first = built(observation(), Findings())
    earlier = {**first, "conditions": [{**entry, "lastTransitionTime": TIME} for entry in first["conditions"]]}
    observed = replace(all_ready(), cr={**pipeline_cr(), "status": earlier})
    times = {entry["type"]: entry["lastTransitionTime"] for entry in built(observed)["conditions"]}
    assert times["Ready"] == "2026-11-22T13:00:00Z"
    assert times["Accepted"] == TIME


@pytest.mark.parametrize(
    ("change", "written"),
    [
        ({}, False),
        ({"lag": {"orders": 1210, "seconds": 8.3}}, False),
        ({"lag": {"orders": 2000, "seconds": 8.3}}, True),
        ({"lag": {"orders": 0, "seconds": 8.3}}, True),
        ({"lag": {"seconds": 8.3}}, True),
        ({"lag": {"orders": 1200, "seconds": 0}}, True),
        ({"scaling": {"decisions": [{"to": 4}], "state": {"rate": 17.0}}}, False),
        ({"scaling": {"decisions": [{"to": 4}], "state": {"forecast": {"slot": 7}}}}, True),
        ({"scaling": {"decisions": [{"to": 4}, {"to": 6}]}}, True),
        ({"consumers": {"current": 3, "ready": 2, "desired": 4, "why": "12 partitions"}}, True),
        ({"warnings": ["x"]}, True),
    ],
)
def test_what_is_worth_a_write(change: dict[str, Any], written: bool) -> None:
    made = built(all_ready())
    assert worth_writing(made, {**made, **change}) is written


def test_a_refused_spec_keeps_the_rest() -> None:
    before = built(all_ready())
    observed = replace(all_ready(), cr={**pipeline_cr(generation=4), "status": before})
    made = rejected_status(observed, "TooManyReplicas", "spec.kafka.replicationFactor: ...", None, NOW)
    assert verdicts(made)["Accepted"] == ("False", "TooManyReplicas")
    assert verdicts(made)["Ready"] == ("False", "NotAccepted")
    assert verdicts(made)["KafkaReady"] == ("True", "Ready")
    assert made["lag"] == before["lag"]
    assert made["observedGeneration"] == 4
    unread = rejected_status(observed, "TooManyReplicas", "...", Scaling(error="Unreachable: x", desired=6), NOW)
    assert "lag" not in unread, "what is no longer known is not kept"
    assert unread["consumers"]["desired"] == 6


def test_a_topic_that_lost_its_partitions_keeps_the_number_and_is_named() -> None:
    topic = Ref(kinds.TOPIC, "default", "shop-orders")
    before = all_ready()
    spec = {key: value for key, value in before.children[topic]["spec"].items() if key != "partitions"}
    made = built(changed(before, topic, spec=spec), Findings())
    assert made.get("partitions") is None
    assert made["warnings"] == ["KafkaTopic shop-orders: spec.partitions is missing: something else has removed it"]
