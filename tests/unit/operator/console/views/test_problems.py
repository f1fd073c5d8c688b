from dataclasses import replace
from typing import Any

from orderpipeline_operator.console.brokers import BrokerFacts, Disk, KafkaFacts, Replicas
from orderpipeline_operator.console.facts import Condition, Facts
from orderpipeline_operator.console.views.problems import problems
from tests.unit.operator.console.samples import cluster, facts, view


def found(given: Facts, kafka: KafkaFacts | None = None, named: Any = ()) -> list[tuple[str, str]]:
    return [(one["tone"], one["title"]) for one in problems(given, kafka, named)]


def test_a_pipeline_that_is_well_has_none():
    assert found(facts(), cluster()) == []
    assert found(facts()) == []


def test_an_unknown_lag_is_one_problem_with_its_reason_and_a_command():
    unknown = facts(
        scaling=view(orders=None, seconds=None, error="KafkaUnreachable: no answer"),
        conditions=(Condition("AutoscalingActive", "False", "bad", "LagUnknown", "not known"),),
    )
    (only,) = problems(unknown, None, ())
    assert only["title"] == "The lag is not known"
    assert "no answer" in only["why"]
    assert only["command"] == "orderpipeline why shop"


def test_ready_is_left_out_where_another_condition_says_why():
    ready = Condition("Ready", "False", "bad", "KafkaReady", "Kafka: no")
    kafka = Condition("KafkaReady", "False", "bad", "Pending", "no")
    assert found(facts(conditions=(ready, kafka))) == [("bad", "KafkaReady: Pending")]
    assert found(facts(conditions=(ready,))) == [("bad", "Ready: KafkaReady")]


def test_partitions_without_a_leader_or_all_replicas_name_the_broker():
    rows = (Replicas("t", 0, None, (0, 1), (0,)), Replicas("t", 1, 0, (0, 1), (0,)))
    first, second = problems(facts(), cluster(partitions=rows), ())
    assert "1 partition without a leader" in first["why"]
    assert "not in sync: broker 1" in second["why"]
    assert second["command"] == "kubectl get pods"


def test_kafka_that_does_not_answer_is_said_instead_of_what_it_was_before():
    assert found(facts(), cluster(error="a:9092: timed out")) == [("bad", "Kafka does not answer")]


def test_disks_that_are_full_or_offline():
    full = BrokerFacts(
        3, "c:1", False, 0, 0, (Disk("/a", 1, 1000, 50), Disk("/b", 1, 1000, 900), Disk("/c", 0, None, None, 56))
    )
    assert found(facts(), replace(cluster(), brokers=(full,))) == [
        ("bad", "A disk of broker 3 is offline"), ("warn", "A disk of broker 3 is nearly full"),
    ]  # fmt: skip


def test_the_worst_comes_first():
    late = facts(scaling=view(seconds=400.0, latest={"reason": "AtMaximum", "message": "more"}), warnings=("odd",))
    named = [{"partition": 7, "kind": "stuck", "text": "nothing"}, {"partition": 8, "kind": "hot", "text": "much"}]
    tones = found(late, None, named)
    assert tones[0] == ("bad", "Partition 7 is stuck")
    assert {title for _, title in tones[1:]} == {
        "Orders are late", "Partition 8 is hot", "More consumers are needed than allowed", "Warning",
    }  # fmt: skip
