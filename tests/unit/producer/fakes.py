"""confluent-kafka's producer that does what the test says, and the client around it."""

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from orderpipeline_common.background import Background
from orderpipeline_producer.api.quota import PythonTokenBucket
from orderpipeline_producer.decoding.record_batch import RecordBatch
from orderpipeline_producer.kafka.confluent_client import ConfluentClient

ORDER = b'{"customer_id":"c","product_id":"p","quantity":1,"amount":1}'


class Message:
    def __init__(self, value: bytes) -> None:
        self._value = value

    def value(self) -> bytes:
        return self._value


class FakeProducer:
    """Keeps what is produced until `finish`, which is delivered at the next poll; full after `room` records."""

    def __init__(self, room: int = 10**9) -> None:
        self.room = room
        self.queued: list[tuple[bytes, Callable[..., None]]] = []
        self.due: list[tuple[KafkaError | None, bytes, Callable[..., None]]] = []
        self.values: list[bytes] = []

    def produce(self, topic: str, value: bytes, key: str, partition: int, on_delivery: Any, *more: Any) -> None:
        if len(self.queued) >= self.room:
            raise BufferError
        self.queued.append((value, on_delivery))
        self.values.append(value)

    def finish(self, error: int | None = None, count: int = 10**9) -> None:
        for value, callback in self.queued[:count]:
            self.due.append((None if error is None else KafkaError(error), value, callback))
        del self.queued[:count]

    def poll(self, seconds: float) -> None:
        due, self.due = self.due, []
        for error, value, callback in due:
            callback(error, Message(value))

    def flush(self, seconds: float) -> int:
        return 0

    def __len__(self) -> int:
        return len(self.queued) + len(self.due)


class FailingProducer(FakeProducer):
    """Fails for good once the test says so, as confluent-kafka's producer does."""

    fatal: KafkaError | None = None

    def fail(self) -> None:
        self.room = 0
        self.fatal = KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "lost its log", fatal=True)

    def poll(self, seconds: float) -> None:
        fatal, self.fatal = self.fatal, None
        if fatal is not None:  # raised once
            raise KafkaException(fatal)
        super().poll(seconds)

    def purge(self, *, blocking: bool) -> None:
        assert not blocking
        self.finish(KafkaError._PURGE_INFLIGHT)


def client_of(producer: FakeProducer, limit: int = 10**9) -> ConfluentClient:
    """A client with `limit` bytes in flight at most."""
    report = lambda code, text, *, fatal=None: None  # noqa: E731
    return ConfluentClient({}, "orders", limit, report, Background(), lambda config: producer)


class PlaceIds:
    """Ids that say for which place they are."""

    def at(self, index: int, order: bytes = b"") -> str:
        return f"id-{index}"

    def many(self, first: int, orders: Sequence[bytes]) -> list[str]:
        return [self.at(index) for index in range(first, first + len(orders))]

    def blocks(self, count: int) -> list[str]:
        return []


def rows(batch: RecordBatch) -> list[tuple[int, str, bytes, str]]:
    """Of each record its place, key, value and order_id."""
    entries = list(batch.entries())
    return [(index, *entries[at], order_id) for at, (index, order_id) in enumerate(batch.places())]


def full_bucket(orders_per_second: int) -> PythonTokenBucket:
    """A bucket in which no time passes."""
    return PythonTokenBucket(orders_per_second, lambda: 0.0)
