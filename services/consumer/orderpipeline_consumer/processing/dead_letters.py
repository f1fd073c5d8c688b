"""Dead letters: the record as it was, with headers that say where it came from and why it is there."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from orderpipeline_common.contract import Header
from orderpipeline_consumer.records.record import Headers, Record

MAX_ERROR_CHARS: Final = 1024
MAX_BYTES: Final = 8 * 1024 * 1024
"""The record fit the orders topic; the broker decides what is too large, not this client."""
DELIVERY_SECONDS: Final = 30.0
_OURS: Final = frozenset(
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
    """Where orders end that keep failing."""

    async def send(self, record: Record, headers: Headers) -> None:
        """Return when the dead letter is safe; raise when it may not be."""

    async def close(self) -> None:
        """Give up what is not delivered."""


def headers(record: Record, topic: str, error: Exception, attempts: int) -> Headers:
    """The record's own headers, then its origin. A dead letter that was played back loses its earlier origin."""
    reason = f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARS]
    origin = {
        Header.ORIGIN_TOPIC: topic,
        Header.ORIGIN_PARTITION: str(record.partition),
        Header.ORIGIN_OFFSET: str(record.offset),
        Header.ORIGIN_TIMESTAMP: str(record.timestamp),
        Header.ERROR: reason,
        Header.ATTEMPTS: str(attempts),
    }
    own = tuple(header for header in record.headers if header[0] not in _OURS)
    return own + tuple((name, text.encode("utf-8", "replace")) for name, text in origin.items())


class KafkaDeadLetters:
    """Writes dead letters with acks=all, idempotent. The producer is made with the first dead letter."""

    def __init__(self, config: Mapping[str, str | int | float | bool], topic: str) -> None:
        self._config = dict(config) | {
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,
            "delivery.timeout.ms": int(DELIVERY_SECONDS * 1000),
            "message.max.bytes": MAX_BYTES,
        }
        self._topic = topic
        self._producer: Producer | None = None
        self._poller: asyncio.Task[None] | None = None
        self._waiting = 0

    async def send(self, record: Record, headers: Headers) -> None:
        """Return after the broker's ack. Raises KafkaException or BufferError."""
        if self._producer is None:
            self._producer = Producer(self._config, logger=log)
            self._poller = None  # the earlier one's poller sees to the earlier one
        producer = self._producer
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def delivered(error: KafkaError | None, _: object) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(KafkaException(error))

        producer.produce(self._topic, value=record.value, key=record.key, headers=list(headers), on_delivery=delivered)
        self._waiting += 1
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll(producer))
        try:
            await done
        except KafkaException as error:
            if error.args[0].fatal() and self._producer is producer:
                self._producer = None  # a fatal error ends an idempotent producer: the next attempt makes a new one
            raise
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Stop. What was not acked is not finished either, so it is consumed again."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
        self._producer = None

    async def _poll(self, producer: Producer) -> None:
        while self._waiting:
            producer.poll(0)
            await asyncio.sleep(0.005)
