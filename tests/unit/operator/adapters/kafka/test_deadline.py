"""One deadline for a whole reading: every answer moves the clock, and nothing here waits."""

import struct
from types import SimpleNamespace

import pytest

from orderpipeline_operator.adapters.kafka import OffsetReader, dialing, offsets
from orderpipeline_operator.adapters.kafka import connection as connections
from orderpipeline_operator.adapters.kafka.wire import UNCHECKED_BYTES, string
from orderpipeline_operator.domain.lag.sample import Reading, Unknown
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from tests.unit.operator.adapters.kafka.test_offsets import ANSWERS, OLD, ints, old_metadata

VERSIONS = struct.pack(">h", 0) + ints(len(OLD)) + b"".join(struct.pack(">3h", key, *of) for key, of in OLD.items())
ALL = ANSWERS | {(18, 0): VERSIONS}
TIMEOUT = 4.0
LOOK = 0.25
"""Seconds that a look at the clock takes, where reading is what takes time."""


class SlowBroker:
    """A connected socket to a broker that takes `seconds` for each answer, and the clock that it moves."""

    def __init__(self, seconds: float, breaks_after: int = 10**6, looking: float = 0.0) -> None:
        self.now, self.seconds, self.breaks_after, self.looking = 100.0, seconds, breaks_after, looking
        self.answered, self.answers, self.opened = 0, dict(ALL), 0
        self._left = 0.0
        self._waiting: list[bytes] = []

    def monotonic(self) -> float:
        self.now += self.looking
        return self.now

    def connected(self, *_: object) -> "SlowBroker":
        self.opened += 1
        self._waiting.clear()
        return self

    def settimeout(self, seconds: float) -> None:
        self._left = seconds

    def sendall(self, raw: bytes) -> None:
        key, version, number = struct.unpack_from(">hhi", raw, 4)
        answer = self.answers[key, version]
        self._waiting.append(ints(4 + len(answer), number) + answer)

    def recv(self, size: int) -> bytes:
        if self.seconds > self._left:
            self.now += self._left
            raise TimeoutError("timed out")
        self.now += self.seconds
        if self.answered == self.breaks_after:
            self.answered = 0
            return b""
        self.answered += 1
        return self._waiting.pop(0)

    def setsockopt(self, *_: object) -> None: ...
    def close(self) -> None: ...


def read(broker: SlowBroker, monkeypatch: pytest.MonkeyPatch) -> Reading | Unknown:
    monkeypatch.setattr(dialing, "time", broker)
    monkeypatch.setattr(offsets, "time", SimpleNamespace(monotonic=lambda: broker.now))
    monkeypatch.setattr(connections, "connected", broker.connected)
    endpoint = KafkaEndpoint("kafka:9092")
    return OffsetReader(endpoint, "orders", "shop", client_id="test", timeout=TIMEOUT).read()


def test_a_reading_takes_seven_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(broker := SlowBroker(TIMEOUT / 7), monkeypatch)
    assert isinstance(found, Reading)
    assert broker.answered == 7


def test_all_answers_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(broker := SlowBroker(1.0), monkeypatch)
    assert found == Unknown("KafkaUnreachable", "kafka:9092 did not answer in time")
    assert (broker.now, broker.answered) == (100.0 + TIMEOUT, 4)


def test_so_does_a_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(broker := SlowBroker(1.0, breaks_after=2), monkeypatch)
    assert found == Unknown("KafkaUnreachable", "kafka:9092 did not answer in time")
    assert (broker.now, broker.opened) == (100.0 + TIMEOUT, 2)


@pytest.mark.parametrize("request_of", [(3, 5), (15, 1)])
def test_reading_an_answer_is_part_of_the_time(request_of: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    broker = SlowBroker(0.0, looking=LOOK)
    members = ints(0, 1) + struct.pack(">h", 0) + string("shop") + string("Stable") + string("") * 2 + ints(10_000)
    long = {(3, 5): old_metadata(30_000), (15, 1): members + 10_000 * (string("x" * 90) + string("") * 2 + ints(0, 0))}
    broker.answers[request_of] = long[request_of]
    assert len(long[request_of]) > 2 * UNCHECKED_BYTES * TIMEOUT / LOOK
    found = read(broker, monkeypatch)
    assert isinstance(found, Unknown)
    assert found.reason == "KafkaUnreachable"
    assert "time" in found.message
    assert broker.now <= 100.0 + TIMEOUT + LOOK


def test_a_broker_that_claims_more_requests_than_there_are_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = SlowBroker(0.0)
    broker.answers[18, 0] = struct.pack(">h", 0) + ints(2**31 - 1) + bytes(60_000)
    found = read(broker, monkeypatch)
    assert isinstance(found, Unknown)
    assert "2147483647 entries" in found.message
