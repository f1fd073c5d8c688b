"""A Kafka client that does what the test says, and what the tests of several parts make with it."""

import asyncio
from collections.abc import Sequence

from confluent_kafka import KafkaError

from orderpipeline_common.order import Order
from orderpipeline_producer.kafka.confluent_client import Headers, OnDelivery, ProducePlain, Take
from orderpipeline_producer.kafka.producer_client import Gateway
from orderpipeline_producer.metrics import Metrics

ORDER = b'{"customer_id":"c","product_id":"p","quantity":1,"amount":1}'


class Message:
    def __init__(self, value: bytes) -> None:
        self._value = value

    def value(self) -> bytes:
        return self._value


class FakeSink:
    """Keeps what is produced until `finish`, which is delivered at the next poll; full after `room` records."""

    def __init__(self, room: int = 10**9) -> None:
        self.fatal = ""
        self.fd: int | None = None
        self.take: Take | None = None
        self.produce_plain: ProducePlain | None = None
        self.room = room
        self.queued: list[tuple[bytes, OnDelivery]] = []
        self.due: list[tuple[KafkaError | None, bytes, OnDelivery]] = []
        self.values: list[bytes] = []

    def produce(self, key: str, value: bytes, headers: Headers, on_delivery: OnDelivery) -> None:
        if len(self.queued) >= self.room:
            raise BufferError
        self.queued.append((value, on_delivery))
        self.values.append(value)

    def produce_all(
        self, orders: Sequence[Order], values: Sequence[bytes], headers: Headers, on_delivery: OnDelivery
    ) -> int:
        room = max(0, self.room - len(self.queued))
        for order, value in zip(orders[:room], values[:room], strict=True):
            self.produce(order.customer_id, value, headers, on_delivery)
        return min(room, len(values))

    def finish(self, error: int | None = None, count: int = 10**9) -> None:
        for value, callback in self.queued[:count]:
            self.due.append((None if error is None else KafkaError(error), value, callback))
        del self.queued[:count]

    def poll(self) -> None:
        due, self.due = self.due, []
        for error, value, callback in due:
            callback(error, Message(value))


def gateway(sink: FakeSink, limit: int = 10**9) -> Gateway:
    return Gateway(sink, limit, Metrics(frozenset()), asyncio.get_running_loop())
