"""The producer client by confluent-kafka: one call for each record."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from orderpipeline_producer.decoding.record_batch import RecordBatch
from orderpipeline_producer.kafka.delivery import Delivery
from orderpipeline_producer.kafka.in_flight import InFlight, PythonByteCounter
from orderpipeline_producer.kafka.producer_client import (
    CHECK_SECONDS,
    RECORD_HEADERS,
    Config,
    Headers,
    ProducerClient,
    leaderless,
)

ANY_PARTITION: Final = -1
"""Lets the partitioner choose. Arguments of `produce` are positional: by keyword, a call takes 50 % longer."""
NOW: Final = 0
"""The timestamp that stands for the time of the call."""
BUSY_POLL_SECONDS: Final = 0.001
IDLE_POLL_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


class Report(Protocol):
    """Called with each error of the client."""

    def __call__(self, code: str, text: str, *, fatal: bool) -> None:
        """`code` is the name of Kafka's error. After a fatal error, the client can't send any more."""


class ConfluentClient(ProducerClient):
    """It polls regularly, more often while bytes are in flight, since nothing signals that there is something to poll.

    `make` creates confluent-kafka's producer from a configuration.
    """

    def __init__(
        self,
        config: Config,
        topic: str,
        max_in_flight: int,
        report: Report,
        loop: asyncio.AbstractEventLoop,
        make: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        super().__init__(InFlight(max_in_flight, PythonByteCounter()))
        self._topic = topic
        self._report = report
        self._loop = loop
        self._producer = (make or _make)({**config, "error_cb": self._on_error})
        self._produce = self._producer.produce
        self._headers: list[tuple[str, str | bytes | None]] = [*RECORD_HEADERS]
        self._busy = False
        self._timer = loop.call_later(IDLE_POLL_SECONDS, self._poll)

    def _queue(self, batch: RecordBatch, headers: Headers, delivery: Delivery) -> int:
        produce, topic = self._produce, self._topic
        all_headers = [*self._headers, *headers] if headers else self._headers
        count = 0
        try:
            for key, value in batch.entries():
                produce(topic, value, key, ANY_PARTITION, delivery, None, NOW, all_headers)
                count += 1
        except (BufferError, KafkaException):
            pass  # the count says how many were queued
        if not self._busy:
            self._busy = True
            self._timer.cancel()
            self._timer = self._loop.call_later(BUSY_POLL_SECONDS, self._poll)
        return count

    def check(self) -> str:
        try:
            topic = self._producer.list_topics(self._topic, CHECK_SECONDS).topics[self._topic]
        except KafkaException as error:
            return f"Kafka is unreachable: {error.args[0].str()}"
        if topic.error is not None:
            return f"topic {self._topic}: {topic.error.str()}"
        return leaderless(self._topic, [partition.leader for partition in topic.partitions.values()])

    def close(self, seconds: float) -> int:
        self._timer.cancel()
        left: int = self._producer.flush(seconds)
        return left

    def _poll(self) -> None:
        self._producer.poll(0)
        self._busy = bool(self.in_flight.bytes)
        self._timer = self._loop.call_later(BUSY_POLL_SECONDS if self._busy else IDLE_POLL_SECONDS, self._poll)

    def _on_error(self, error: KafkaError) -> None:
        self._report(error.name(), error.str(), fatal=error.fatal())


def _make(config: dict[str, Any]) -> Producer:
    return Producer(config, logger=_log)
