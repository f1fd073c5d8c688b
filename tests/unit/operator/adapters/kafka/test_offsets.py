"""What the reader makes of brokers that differ from Kafka's own, by the protocol's bytes."""

import struct
from collections.abc import Mapping
from typing import Any

import pytest

from orderpipeline_operator.adapters.kafka import OffsetReader, offsets
from orderpipeline_operator.adapters.kafka.requests import topic_of, topic_without_id_of
from orderpipeline_operator.adapters.kafka.wire import Cursor, array, compact_string, data, string
from orderpipeline_operator.domain.lag.sample import Group, PartitionOffsets, Reading, Unknown
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint

ADDRESS = ("kafka", 9092)
FULL = {2: (0, 9), 3: (0, 13), 9: (0, 9), 10: (0, 6), 15: (0, 5)}
OLD = FULL | {3: (0, 7)}


def ints(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}i", *numbers)


def old_metadata(partitions: int, claimed: int | None = None) -> bytes:
    brokers = array([ints(7) + string("kafka") + ints(9092) + struct.pack(">h", -1)])
    rows = [struct.pack(">h", 0) + ints(n, 7) + array([ints(7)]) * 2 + array([]) for n in range(partitions)]
    listed = array(rows) if claimed is None else ints(claimed)
    return (
        ints(0)
        + brokers
        + string("cluster")
        + ints(7)
        + array([struct.pack(">h", 0) + string("orders") + b"\0" + listed])
    )


def new_metadata(count: bytes) -> bytes:
    brokers = b"\2" + ints(7) + compact_string("kafka") + ints(9092) + b"\0\0"
    topic = struct.pack(">h", 0) + compact_string("orders") + bytes(16) + b"\0" + count
    return b"\0" + ints(0) + brokers + compact_string("cluster") + ints(7) + b"\2" + topic + b"\0" * 16


def topic_answer(row: bytes) -> bytes:
    return ints(0) + array([string("orders") + array([row])])


ANSWERS = {
    (3, 5): old_metadata(1),
    (3, 10): new_metadata(b"\1"),
    (10, 1): ints(0) + struct.pack(">h", 0) + string("") + ints(7) + string("kafka") + ints(9092),
    (9, 5): topic_answer(struct.pack(">iqihh", 0, 40, -1, 0, 0)) + struct.pack(">h", 0),
    (15, 1): ints(0) + array([struct.pack(">h", 0) + string("shop") + string("Empty") + string("") * 2 + array([])]),
    (2, 2): topic_answer(struct.pack(">ihqq", 0, 0, -1, 100)),
}


class Broker:
    """A connection that answers each request with its bytes of ANSWERS."""

    clean = True

    def __init__(self, versions: Mapping[int, tuple[int, int]]) -> None:
        self.versions, self.asked, self.closed = versions, list[tuple[int, int]](), False
        self.waiting: list[bytes] = []

    def __call__(self, *_: Any) -> "Broker":
        return self

    def offers(self, request: tuple[int, int]) -> bool:
        low, high = self.versions.get(request[0], (0, -1))
        return low <= request[1] <= high

    def send(self, key: int, version: int, body: bytes, until: float, flexible: bool = False) -> None:
        self.asked.append((key, version))
        self.waiting.append(ANSWERS[key, version])

    def receive(self, until: float) -> bytes:
        return self.waiting.pop(0)

    def close(self) -> None:
        self.closed = True


def read(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Reading | Unknown:
    monkeypatch.setattr(offsets, "BrokerConnection", broker)
    return OffsetReader(KafkaEndpoint("kafka:9092"), "orders", "shop", client_id="test").read()


def test_metadata_up_to_version_7_are_read_without_topic_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(broker := Broker(OLD), monkeypatch)
    assert found == Reading("", {0: PartitionOffsets(100, 100, 40)}, Group("Empty", 0, "classic"))
    assert (3, 5) in broker.asked


def test_a_broker_that_lacks_a_request_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(broker := Broker(FULL | {3: (0, 4), 9: (6, 9)}), monkeypatch)
    assert isinstance(found, Unknown)
    assert found.reason == "KafkaTooOld"
    assert found.message.endswith("OffsetFetch 5, Metadata 5")
    assert broker.closed


def test_a_topic_without_partitions_is_unknown_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(Broker(FULL), monkeypatch) == Unknown("NoPartitions", "Kafka lists no partition of topic orders")


def test_counts_that_no_cluster_has_are_refused() -> None:
    with pytest.raises(ValueError, match="1500000 entries"):
        topic_without_id_of(Cursor(old_metadata(0, claimed=1_500_000)))
    with pytest.raises(ValueError, match="1500000 entries"):
        topic_of(Cursor(new_metadata(b"\xe1\xc6\x5b")))
    assert data(b"") == ints(0)
