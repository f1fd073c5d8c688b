"""Between requests and the Kafka client: bounded bytes in flight, one counter per request, callbacks on the loop."""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from confluent_kafka import KafkaError, KafkaException

from orderpipeline_common.order import Order
from orderpipeline_producer.decoding.accelerated import Plain
from orderpipeline_producer.decoding.bulk import Bulk
from orderpipeline_producer.decoding.one_by_one import RECORD_OVERHEAD, Record, Refusal
from orderpipeline_producer.kafka.confluent_client import Headers, OnDelivery, ProducePlain, Take
from orderpipeline_producer.metrics import Metrics

BUSY_POLL_SECONDS: Final = 0.001
IDLE_POLL_SECONDS: Final = 0.1
AMBIGUOUS: Final = "it may already be in the log: send it again with the same order_id, which has no second effect"
_log = logging.getLogger(__name__)
FULL: Final = "too many orders wait for Kafka; none of this was taken, send it again"


Records = Sequence[Record] | Bulk | Plain


class Sink(Protocol):
    """What the gateway needs of a Kafka client."""

    fatal: str
    fd: int | None
    """Readable when there is something to poll; None when that has to be tried."""
    take: Take | None
    produce_plain: ProducePlain | None

    def produce(self, key: str, value: bytes, headers: Headers, on_delivery: OnDelivery) -> None:
        """Queue one record."""

    def produce_all(
        self, orders: Sequence[Order], values: Sequence[bytes], headers: Headers, on_delivery: OnDelivery
    ) -> int:
        """Queue one record for each order until there is no room; returns how many were queued."""

    def poll(self) -> None:
        """Run due callbacks without waiting."""


class Delivery:
    """The records of one request, or of a slice of it, on their way. It is itself the client's delivery callback."""

    __slots__ = ("_errors", "_failed", "_gateway", "_left", "_records", "_size", "done")

    def __init__(self, gateway: "Gateway", records: "Records", size: int, done: "asyncio.Future[None]") -> None:
        self._gateway = gateway
        self._records = records
        self._size = size
        self._left = len(records)
        self._errors: list[tuple[bytes, KafkaError]] = []
        self._failed: list[tuple[int, int]] = []
        self.done = done

    def __call__(self, error: KafkaError | None, message: Any) -> None:
        """One record was delivered (no error) or has failed."""
        if error is not None:
            self._errors.append((message.value(), error))
        self._left -= 1
        if not self._left:
            self._finish()

    def ended(self, failed: list[tuple[int, int]]) -> None:
        """All records were delivered but those at these places among them, which failed with these error codes."""
        self._failed = failed
        self._left = 0
        self._finish()

    def shrink(self, sent: int, size: int) -> None:
        """Only the first `sent` records were handed over; the others had `size` bytes."""
        self._left -= len(self._records) - sent
        self._records = self._records[:sent]
        self._size -= size
        if not self._left:
            self._finish()

    def clean(self) -> bool:
        """Whether all of it is in Kafka."""
        return not (self._left or self._errors or self._failed)

    def failures(self) -> list[Refusal]:
        """The records that failed or, before all is done, may have: each with what the API's client can do."""
        if self._left:  # not `done`, which a deadline cancels
            return [_ambiguous(record, "Kafka did not answer in time") for record in self._records]
        if self._failed:
            return sorted((refusal(self._records[at], KafkaError(code)) for at, code in self._failed), key=by_index)
        if not self._errors:
            return []
        open_: dict[bytes, list[Record]] = {}
        for record in self._records:
            open_.setdefault(record.value, []).append(record)
        return sorted((refusal(open_[value].pop(), error) for value, error in self._errors), key=by_index)

    def _finish(self) -> None:
        failed = len(self._errors) + len(self._failed)
        if failed:
            first = self._errors[0][1] if self._errors else KafkaError(self._failed[0][1])
            _log.error("%d orders failed in Kafka, the first by %s", failed, first.str())
        self._gateway.settle(self._size, len(self._records) - failed, failed)
        if not self.done.done():
            self.done.set_result(None)


class Gateway:
    """Takes records while there is room, and tells when they are in Kafka. Belongs to one event loop's thread."""

    def __init__(self, sink: Sink, max_in_flight: int, metrics: Metrics, loop: asyncio.AbstractEventLoop) -> None:
        self._sink = sink
        self._max = max_in_flight
        self._metrics = metrics
        self._loop = loop
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._busy = False
        self._closed = False
        self.held = 0
        """Bytes taken here and neither delivered nor failed."""
        self.beside: Callable[[], int] = int
        """Tells the bytes of orders that the Kafka client took by itself."""
        self._timer: asyncio.TimerHandle | None = None
        if sink.fd is None:
            self._timer = loop.call_later(IDLE_POLL_SECONDS, self._poll)
        else:
            self._busy = True  # it needs no timer
            loop.add_reader(sink.fd, sink.poll)

    @property
    def in_flight(self) -> int:
        """Bytes taken and neither delivered nor failed."""
        return self.held + self.beside()

    def has_room(self, size: int) -> bool:
        """Whether `size` more bytes may be taken; anything may when nothing is in flight."""
        in_flight = self.in_flight
        return not in_flight or in_flight + size <= self._max

    async def room(self, size: int) -> None:
        """Wait until there is room. The caller sets the deadline."""
        while not self.has_room(size):
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def send(self, records: "Records", headers: Headers) -> tuple[Delivery, list[Record]]:
        """Hand records to the Kafka client; returns their delivery and those that the client had no room for.

        The caller has asked for room before. With none taken, the delivery is already done.
        """
        size = size_of(records)
        delivery = Delivery(self, records, size, self._loop.create_future())
        self.held += size
        sent = self._produce(records, headers, delivery)
        self._metrics.accepted += sent
        self._poll_soon()
        if sent == len(records):
            return delivery, []
        refused = records[sent:]
        refused_size = size_of(refused)
        self.held -= refused_size
        delivery.shrink(sent, refused_size)
        return delivery, list(refused)

    def _produce(self, records: "Records", headers: Headers, delivery: Delivery) -> int:
        if type(records) is Plain and self._sink.produce_plain is not None:
            return self._sink.produce_plain(records, headers, delivery.ended)
        if type(records) is Bulk:
            return self._sink.produce_all(records.orders, records.values, headers, delivery)
        sent = 0
        try:
            for record in records:
                self._sink.produce(record.key, record.value, headers, delivery)
                sent += 1
        except (BufferError, KafkaException):
            pass
        return sent

    def send_one(self, key: str, value: bytes, size: int, headers: Headers, on_delivery: OnDelivery) -> None:
        """Hand over one record of `size` bytes for which the caller has asked for room; `on_delivery` has to settle it.

        Raises BufferError or KafkaException when the client does not take it.
        """
        self._sink.produce(key, value, headers, on_delivery)
        self.held += size
        self._metrics.accepted += 1
        if not self._busy:
            self._poll_soon()

    @property
    def takes_bytes(self) -> bool:
        """Whether `take_one` may take anything."""
        return self._sink.take is not None

    def take_one(self, body: bytes, order_id: str, on_delivery: OnDelivery) -> tuple[int, bytes] | None:
        """Take one plain order, if the client reads orders by itself, it is one and there is room; else None.

        Gives its size, which `on_delivery` has to settle, and `{"order_id":"…"}`.
        """
        if self._sink.take is None:
            return None
        in_flight = self.in_flight
        room = self._max - in_flight - RECORD_OVERHEAD if in_flight else sys.maxsize
        taken = self._sink.take(body, room, order_id, on_delivery)
        if taken is None:
            return None
        size = taken[0] + RECORD_OVERHEAD
        self.held += size
        self._metrics.accepted += 1
        return size, taken[1]

    def fail(self, size: int, error: KafkaError) -> None:
        """Count one record that failed and let waiting requests go on."""
        _log.error("an order failed in Kafka by %s", error.str())
        self.settle(size, 0, 1)

    def settle(self, size: int, acked: int, failed: int) -> None:
        """Count a finished delivery and let waiting requests go on."""
        self.held -= size
        self._metrics.acked += acked
        self._metrics.failed += failed
        if self._waiters:
            self._wake()

    def close(self) -> None:
        """Stop polling."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._sink.fd is not None:
            self._loop.remove_reader(self._sink.fd)

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _poll_soon(self) -> None:
        if not self._busy and not self._closed:
            self._busy = True
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(BUSY_POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        self._sink.poll()
        self._busy = bool(self.in_flight)
        if not self._closed:
            self._timer = self._loop.call_later(BUSY_POLL_SECONDS if self._busy else IDLE_POLL_SECONDS, self._poll)


def by_index(refusal: Refusal) -> int:
    """The order of refusals in a reply."""
    return refusal.index


def _ambiguous(record: Record, why: str) -> Refusal:
    return Refusal(record.index, 503, f"{why}; {AMBIGUOUS}", "", record.order_id)


def size_of(records: Records) -> int:
    """Bytes that records hold until Kafka has acked them."""
    return records.size if isinstance(records, Bulk | Plain) else sum(record.size for record in records)


def places(records: Records) -> Iterable[tuple[int, str]]:
    """Of each record its place in the request and its order_id."""
    return records.places() if isinstance(records, Plain) else ((each.index, each.order_id) for each in records)


def refusal(record: Record, error: KafkaError) -> Refusal:
    """Why Kafka did not take a record, as its client is told."""
    if error.code() in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE):
        return Refusal(record.index, 413, "Kafka's own limit on the size of a message is lower", "", record.order_id)
    return _ambiguous(record, f"Kafka did not take it ({error.name()})")
