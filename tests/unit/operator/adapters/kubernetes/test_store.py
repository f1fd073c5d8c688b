"""What the watches tell, and what is remembered of it."""

from typing import Any

import msgspec
import pytest

from orderpipeline_operator.adapters.kubernetes.store import Store
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Key, Kind, Ref

KEY = ("default", "shop")
SERVICE = Ref(kinds.SERVICE, "default", "shop-producer")


def raw(version: int, name: str = "shop-producer", labels: dict[str, str] | None = None, **body: Any) -> bytes:
    given = {"orderpipeline.dev/pipeline": "shop"} if labels is None else labels
    meta = {"namespace": "default", "name": name, "uid": name, "resourceVersion": str(version), "labels": given}
    return msgspec.json.encode({"metadata": meta | body.pop("metadata", {}), **body})


class Told:
    """A store, and whom it called."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.store = Store(self.keys.append)

    def put(self, *states: bytes, kind: Kind = kinds.SERVICE) -> None:
        for state in states:
            self.store.put(kind, state)


@pytest.fixture
def told() -> Told:
    return Told()


def test_the_newest_state_is_kept_and_an_older_one_is_no_news(told: Told) -> None:
    told.put(raw(9, spec={"a": 2}), raw(7, spec={"a": 1}))
    (found,) = told.store.of(KEY, kinds.SERVICE)
    assert (found["kind"], found["apiVersion"], found["spec"]) == ("Service", "v1", {"a": 2})
    assert told.keys == [KEY]
    assert told.store.of(KEY, kinds.DEPLOYMENT) == ()


def test_an_answer_is_remembered_and_its_echo_is_no_news(told: Told) -> None:
    told.store.remember(kinds.SERVICE, msgspec.json.decode(raw(5)))
    told.put(raw(5))
    assert told.keys == []
    assert told.store.has(SERVICE)
    told.put(raw(6))
    assert told.keys == [KEY]


def test_an_answer_older_than_what_was_announced_is_not_remembered(told: Told) -> None:
    told.store.put(kinds.SERVICE, raw(6), partial=True)
    told.store.remember(kinds.SERVICE, msgspec.json.decode(raw(5)))
    assert told.store.get(SERVICE) is None, "asked for again"
    told.store.remember(kinds.SERVICE, msgspec.json.decode(raw(6)))
    assert told.store.get(SERVICE)["metadata"]["resourceVersion"] == "6"


def test_the_end_of_an_older_one_does_not_take_the_one_made_since(told: Told) -> None:
    told.put(raw(5))
    told.store.remember(kinds.SERVICE, msgspec.json.decode(raw(11)))
    told.store.drop(kinds.SERVICE, raw(10))
    assert told.store.has(SERVICE)
    told.store.drop(kinds.SERVICE, raw(12))
    assert not told.store.has(SERVICE)


def test_what_vanished_between_two_lists_is_forgotten_but_not_what_came_after(told: Told) -> None:
    told.put(raw(5), raw(30, name="shop-new"))
    told.keys.clear()
    told.store.keep_only(kinds.SERVICE, "elsewhere", (), "20")
    told.store.keep_only(kinds.DEPLOYMENT, None, (), "20")
    assert len(told.store) == 2
    told.store.keep_only(kinds.SERVICE, None, (), "20")
    assert [item["metadata"]["name"] for item in told.store.of(KEY, kinds.SERVICE)] == ["shop-new"]
    assert told.keys == [KEY]


def test_an_object_that_moves_to_another_pipeline_concerns_both(told: Told) -> None:
    told.put(raw(1), raw(2, labels={"orderpipeline.dev/pipeline": "other"}))
    assert set(told.keys) == {KEY, ("default", "other")}
    assert told.store.of(KEY, kinds.SERVICE) == ()
    told.store.drop(kinds.SERVICE, raw(3, labels={"orderpipeline.dev/pipeline": "other"}))
    assert not told.store.has(SERVICE)
    assert len(told.store) == 0


def test_of_the_writers_only_who_holds_the_replicas_is_kept(told: Told) -> None:
    fields = [
        {"manager": "a", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:selector": {}}}},
        {"manager": "b", "operation": "Update", "fieldsV1": {"f:metadata": {}}},
    ]
    told.put(raw(1, metadata={"managedFields": fields}))
    told.put(raw(1, metadata={"managedFields": fields}), kind=kinds.DEPLOYMENT)
    assert "managedFields" not in told.store.of(KEY, kinds.SERVICE)[0]["metadata"]
    kept = told.store.of(KEY, kinds.DEPLOYMENT)[0]["metadata"]["managedFields"]
    assert kept == [{"manager": "a", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]


def test_of_a_pod_set_only_the_pods_are_forgotten(told: Told) -> None:
    labels, status = {"strimzi.io/cluster": "shop"}, {"pods": 3, "currentPods": 2}
    told.store.put(kinds.POD_SET, raw(1, "shop-brokers", labels, spec={"pods": [{}] * 3}, status=status))
    (kept,) = told.store.of(KEY, kinds.POD_SET)
    assert "spec" not in kept
    assert kept["status"] == status


def test_of_a_secret_contents_are_forgotten_when_there_are_newer_ones(told: Told) -> None:
    labels, ref = {"strimzi.io/cluster": "shop"}, Ref(kinds.SECRET, "default", "s")
    told.store.put(kinds.SECRET, raw(1, "s", labels), partial=True)
    assert told.store.has(ref)
    assert told.store.get(ref) is None
    told.store.remember(kinds.SECRET, msgspec.json.decode(raw(1, "s", labels, data={"a": "YQ=="})))
    assert (told.store.get(ref) or {})["data"] == {"a": "YQ=="}
    told.store.put(kinds.SECRET, raw(2, "s", labels), partial=True)
    assert told.store.get(ref) is None
    assert told.keys == [KEY, KEY]


def test_what_keda_notes_at_every_poll_is_no_news(told: Told) -> None:
    def scaled(version: int, active: str, generation: int = 1) -> bytes:
        status = {"lastActiveTime": str(version), "conditions": [{"type": "Active", "status": active}]}
        return raw(version, "shop-consumer", metadata={"generation": generation}, status=status)

    told.put(scaled(1, "True"), scaled(2, "True"), kind=kinds.SCALED_OBJECT)
    assert len(told.keys) == 1
    assert told.store.of(KEY, kinds.SCALED_OBJECT)[0]["status"]["lastActiveTime"] == "2"
    told.put(scaled(3, "False"), scaled(4, "False", 2), scaled(5, "False", 2), kind=kinds.SCALED_OBJECT)
    assert len(told.keys) == 3
    told.store.drop(kinds.SCALED_OBJECT, scaled(6, "False", 2))
    assert len(told.keys) == 4
