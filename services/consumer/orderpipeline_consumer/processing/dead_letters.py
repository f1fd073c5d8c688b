"""Dead letters: the record unchanged, with headers that say where it came from and why it failed."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from orderpipeline_common.contract import Header
from orderpipeline_consumer.records.record import Headers, Record

MAX_ERROR_CHARS: Final = 1024
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
"""The record fitted into the orders topic; what is too large for the dead-letter topic is for the broker to say."""
DELIVERY_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.005
ORIGIN_HEADERS: Final = frozenset(
    (
        Header.ORIGIN_TOPIC,
        Header.ORIGIN_PARTITION,
        Header.ORIGIN_OFFSET,
        Header.ORIGIN_TIMESTAMP,
        Header.ERROR,
        Header.ATTEMPTS,
    )
)
log = logging.getLogger(__name__)


class DeadLetters(Protocol):
    """Where orders go that keep failing."""

    async def send(self, record: Record, headers: Headers) -> None:
        """Return once the dead letter is safe; raise if it may not be."""

    async def close(self) -> None:
        """Give up what is not delivered yet."""


def dead_letter_headers(record: Record, error: Exception, attempts: int) -> Headers:
    """The record's own headers followed by its origin, which replaces the origin of an earlier dead letter."""
    topic, partition = record.topic_partition
    origin = {
        Header.ORIGIN_TOPIC: topic,
        Header.ORIGIN_PARTITION: str(partition),
        Header.ORIGIN_OFFSET: str(record.offset),
        Header.ORIGIN_TIMESTAMP: str(record.timestamp),
        Header.ERROR: f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARS],
        Header.ATTEMPTS: str(attempts),
    }
    own = tuple(header for header in record.headers if header[0] not in ORIGIN_HEADERS)
    return own + tuple((name, text.encode("utf-8", "replace")) for name, text in origin.items())


def safe_producer(
    connection: Mapping[str, str | int | float | bool], seconds: float
) -> dict[str, str | int | float | bool]:
    """The configuration of a producer that has delivered a record, once, when all in-sync replicas have it, or tells
    after so many seconds that it has not.
    """
    return {
        **connection,
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": 5,
        "delivery.timeout.ms": int(seconds * 1000),
        "message.max.bytes": MAX_MESSAGE_BYTES,
    }


class DeadLetterTooLargeError(Exception):
    """The dead-letter topic does not take this letter, as it is configured now."""


class KafkaDeadLetters:
    """Writes dead letters to a topic with acks=all and idempotence. A producer is created with the first one, and again
    after a fatal error.

    Kafka refuses all letters of a batch together when one of them is too large. So a refused one is sent once more by
    itself, over a producer that sends nothing else, before it is taken for too large.
    """

    def __init__(self, config: Mapping[str, str | int | float | bool], topic: str) -> None:
        self._config = safe_producer(config, DELIVERY_SECONDS)
        self._topic = topic
        self._together: Deliveries | None = None
        self._alone: Deliveries | None = None

    async def send(self, record: Record, headers: Headers) -> None:
        """Return after the broker's acknowledgement. Raises KafkaException, BufferError or DeadLetterTooLargeError."""
        if self._together is None or self._together.failed:
            self._together = self._deliveries({})
        try:
            await self._together.send(record, headers)
        except KafkaException as error:
            if not _is_too_large(error):
                raise
        else:
            return
        if self._alone is None or self._alone.failed:
            self._alone = self._deliveries({"batch.num.messages": 1})
        try:
            await self._alone.send(record, headers)
        except KafkaException as error:
            if not _is_too_large(error):
                raise
            text = f"{self._topic} does not take the order at {record.location}, {len(record.value or b'')} bytes and"
            raise DeadLetterTooLargeError(f"{text} its headers: raise the topic's max.message.bytes") from error

    async def close(self) -> None:
        """Stop. A record whose dead letter was not acknowledged is not complete, so it will be consumed again."""
        for deliveries in (self._together, self._alone):
            if deliveries is not None:
                await deliveries.close()
        self._together = self._alone = None

    def _deliveries(self, extra: Mapping[str, int]) -> "Deliveries":
        return Deliveries(Producer({**self._config, **extra}, logger=log), self._topic)


def _is_too_large(error: KafkaException) -> bool:
    return bool(error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE)


class Deliveries:
    """What one producer has in flight. It is polled while there is something."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._waiting: set[asyncio.Future[None]] = set()
        self._poller: asyncio.Task[None] | None = None
        self.failed = False
        """Whether the producer can't send any more."""

    async def send(self, record: Record, headers: Headers) -> None:
        """Return after the broker's acknowledgement. Raises KafkaException or BufferError."""
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_delivery(error: KafkaError | None, _: object) -> None:
            if error is not None and error.fatal():
                self._fail(KafkaException(error))
            if acknowledged.done():
                return
            if error is None:
                acknowledged.set_result(None)
            else:
                acknowledged.set_exception(KafkaException(error))

        try:
            self._producer.produce(
                self._topic, value=record.value, key=record.key, headers=list(headers), on_delivery=on_delivery
            )
        except KafkaException as error:
            if error.args[0].fatal() or error.args[0].code() == KafkaError._FATAL:
                self._fail(error)
            raise
        self._waiting.add(acknowledged)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            await acknowledged
        finally:
            self._waiting.discard(acknowledged)

    async def close(self) -> None:
        """Stop polling."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)

    async def _poll(self) -> None:
        try:
            while self._waiting and not self.failed:
                self._producer.poll(0)
                await asyncio.sleep(POLL_SECONDS)
        except Exception as error:  # confluent-kafka raises a fatal error from here, once
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Nobody waits any more for what may or may not be in the topic: it is sent again by another producer."""
        if not self.failed:
            log.warning("the producer of dead letters failed for good, a new one takes over: %s", error)
        self.failed = True
        for acknowledged in self._waiting:
            if not acknowledged.done():
                acknowledged.set_exception(error)
