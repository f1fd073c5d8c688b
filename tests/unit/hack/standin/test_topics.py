"""The changes and the status for a KafkaTopic."""

from typing import Any

import pytest

from hack.standin import topics
from hack.standin.topics import Topic, change
from tests.unit.hack.standin import samples

TOPIC = Topic("id", 12, (3,), {})


def test_a_new_topic_is_created_and_gets_the_finalizer() -> None:
    resource = samples.topic(metadata={"finalizers": []})
    found = change(resource, None, resource)
    assert (found.create, found.finalizer, found.problem) == (True, True, None)


def test_partitions_are_added_and_settings_updated() -> None:
    resource = samples.topic(spec={"partitions": 24, "config": {"retention.ms": 1, "a": True}})
    found = change(resource, Topic("id", 12, (3,), {"a": "true", "old": "1"}), resource)
    assert (found.grow, found.put, found.drop, found.problem) == (True, {"retention.ms": "1"}, ("old",), None)


@pytest.mark.parametrize(
    ("spec", "status", "words"),
    [
        ({"partitions": 6}, {}, "Decreasing partitions"),
        ({"replicas": 2}, {}, "Replication factor"),
        ({"topicName": "b"}, {"topicName": "a"}, "topicName"),
    ],
)
def test_unsupported_changes_are_rejected(spec: dict[str, Any], status: dict[str, Any], words: str) -> None:
    resource = samples.topic(spec=spec, status=status)
    found = change(resource, TOPIC, resource)
    assert found.problem is not None
    assert found.problem[0] == "NotSupported"
    assert words in found.problem[1]
    assert not found.grow
    assert not found.create
    ready = topics.status(resource, TOPIC, found.problem)["conditions"][0]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "False", "NotSupported")


def test_the_older_of_two_resources_keeps_the_topic() -> None:
    old, new = samples.topic("a", "1", spec={"topicName": "t"}), samples.topic("b", "2", spec={"topicName": "t"})
    winners = topics.winners([new, old])
    assert winners["t"] is old
    assert change(old, TOPIC, winners["t"]).problem is None
    problem = change(new, TOPIC, winners["t"]).problem
    assert problem == ("ResourceConflict", "Managed by Ref{namespace='shop', name='a'}")
    assert "topicName" not in topics.status(new, TOPIC, problem)


def test_deletion_deletes_the_topic_and_then_removes_the_finalizer() -> None:
    resource = samples.topic(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    found = change(resource, TOPIC, resource)
    assert (found.delete, found.finalizer) == (True, False)
    assert change(resource, None, resource).delete is False


def test_an_unmanaged_topic_loses_its_finalizer_and_its_status_says_so() -> None:
    resource = samples.topic(metadata={"annotations": {"strimzi.io/managed": "false"}})
    found = change(resource, TOPIC, None)
    assert (found.create, found.delete, found.finalizer) == (False, False, False)
    assert topics.status(resource, TOPIC, None)["conditions"] == [{"type": "Unmanaged", "status": "True"}]


def test_a_paused_topic_is_left_alone() -> None:
    resource = samples.topic(metadata={"annotations": {"strimzi.io/pause-reconciliation": "true"}})
    assert change(resource, None, resource) == topics.Change("orders")
    assert topics.status(resource, None, None)["conditions"][0]["type"] == "ReconciliationPaused"


def test_a_ready_topic_has_its_id_in_the_status() -> None:
    found = topics.status(samples.topic(), TOPIC, None)
    assert found == {
        "observedGeneration": 2, "topicName": "orders", "topicId": "id",
        "conditions": [{"type": "Ready", "status": "True"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "error", "text", "known"),
    [
        (topics.Change("t", create=True), "TOPIC_ALREADY_EXISTS", "Topic 't' already exists.", True),
        (topics.Change("t", delete=True), "UNKNOWN_TOPIC_OR_PART", "", True),
        (topics.Change("t", grow=True), "INVALID_PARTITIONS", "Topic already has 24 partition(s).", True),
        (topics.Change("t", grow=True), "INVALID_PARTITIONS", "The topic t currently has 30 partition(s)", False),
        (topics.Change("t", create=True), "INVALID_CONFIG", "", False),
    ],
)
def test_an_error_that_says_what_was_asked_for_is_there_is_none(
    change: topics.Change, error: str, text: str, known: bool
) -> None:
    assert topics.already_so(change, error, text) is known
