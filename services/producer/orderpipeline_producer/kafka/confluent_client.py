"""The producer client by confluent-kafka: one call for each record."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from orderpipeline_common.activities import ProducerActivity
from orderpipeline_common.background import Background, Timer
from orderpipeline_common.engine import PYTHON, Engine
from orderpipeline_producer.decoding.record_batch import RecordBatch
from orderpipeline_producer.kafka.delivery import Completion, Headers
from orderpipeline_producer.kafka.in_flight import InFlight, PythonByteCounter
from orderpipeline_producer.kafka.producer_client import (
    CHECK_SECONDS,
    RECORD_HEADERS,
    Config,
    NoAnswer,
    ProducerClient,
    leaderless,
)
from orderpipeline_producer.kafka.resends import Resends
from orderpipeline_producer.kafka.successor import Report, Successor, release

ANY_PARTITION: Final = -1
"""Lets the partitioner choose. Arguments of `produce` are positional: by keyword, a call takes 50 % longer."""
NOW: Final = 0
"""The timestamp that stands for the time of the call."""
SOLO: Final[Config] = {"batch.num.messages": 1, "linger.ms": 0, "max.in.flight.requests.per.connection": 1}
BUSY_POLL_SECONDS: Final = 0.001
IDLE_POLL_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


class ConfluentClient(ProducerClient):
    """It polls regularly, more often while bytes are in flight, since nothing signals that there is something to poll.

    After a fatal error, a new producer takes over; what the former one had in flight fails, and may be in the log.
    `make` creates confluent-kafka's producer from a configuration.
    """

    engine = Engine(PYTHON)

    def __init__(
        self,
        config: Config,
        topic: str,
        max_in_flight: int,
        report: Report,
        background: Background,
        make: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        solo = partial(SoloConfluentClient, config, topic, max_in_flight, report, background, make)
        super().__init__(InFlight(max_in_flight, PythonByteCounter()), Resends(solo))
        self._topic = topic
        self._report = report
        self._make = make or _make
        self._config = {**config, "error_cb": self._on_error}
        self._loop = background.loop()
        self._successor = Successor(self._open, report, self._loop)
        self._producer: Any = None
        self._former: list[Any] = []
        """Producers that have failed, as long as callbacks of theirs have not come."""
        self._open()
        self._headers: list[tuple[str, str | bytes | None]] = [*RECORD_HEADERS]
        self._busy = False
        self._timer = Timer(background, ProducerActivity.DELIVERIES, self._poll, IDLE_POLL_SECONDS)

    def _open(self) -> None:
        producer = self._make(self._config)
        if self._producer is not None:
            self._former.append(self._producer)
        self._producer = producer
        self._produce = producer.produce

    def _queue(self, batch: RecordBatch, headers: Headers, delivery: Completion) -> int:
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
            self._timer.call_in(BUSY_POLL_SECONDS)
        return count

    def check(self) -> str:
        try:
            topic = self._producer.list_topics(self._topic, CHECK_SECONDS).topics[self._topic]
        except KafkaException as error:
            return NoAnswer(f"Kafka is unreachable: {error.args[0].str()}")
        if topic.error is not None:
            return f"topic {self._topic}: {topic.error.str()}"
        return leaderless(self._topic, [partition.leader for partition in topic.partitions.values()])

    def _close(self, seconds: float) -> int:
        self._timer.stop()
        self._successor.cancel()
        left = sum(len(former) for former in self._former)
        try:
            return left + int(self._producer.flush(seconds))
        except KafkaException as error:  # a fatal error; what is in flight stays there
            self._report(error.args[0].name(), error.args[0].str(), fatal=True)
            return left + len(self._producer)

    def _poll(self) -> float:
        self._serve(self._producer)
        if self._former:
            self._serve_former()
        self._busy = bool(self.in_flight.bytes)
        return BUSY_POLL_SECONDS if self._busy else IDLE_POLL_SECONDS

    def _serve_former(self) -> None:
        for former in self._former:
            self._serve(former)
        del former
        done = [former for former in self._former if not len(former)]
        self._former = [former for former in self._former if len(former)]
        release(done, self._loop)

    def _serve(self, producer: Any) -> None:
        try:
            producer.poll(0)
        except KafkaException as error:
            # confluent-kafka raises a fatal error from here, once, and does not give it to `error_cb`.
            self._on_error(error.args[0])
        except Exception:  # of one order's callback: the others' go on at once
            _log.exception("the callback of a delivery failed")

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._producer.purge(blocking=False)
            self._successor.needed(error.name(), error.str())
        else:
            self._report(error.name(), error.str())


class SoloConfluentClient(ConfluentClient):
    """Sends each record in a Kafka batch of its own, one after the other. What is refused as too large is too large."""

    def __init__(
        self,
        config: Config,
        topic: str,
        max_in_flight: int,
        report: Report,
        background: Background,
        make: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        super().__init__({**config, **SOLO}, topic, max_in_flight, report, background, make)
        self.resends = None


def _make(config: dict[str, Any]) -> Producer:
    return Producer(config, logger=_log)
