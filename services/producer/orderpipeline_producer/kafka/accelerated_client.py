"""The producer clients of the accelerator, which need no Python call for each record.

On plaintext connections it builds Kafka's batches itself; otherwise it uses librdkafka. Either client replaces
`ConfluentClient` as a whole, so that there is only one path to Kafka for the orders of one customer.
"""

import asyncio
import logging
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError

from orderpipeline_producer.decoding.accelerated import AcceleratedBatch
from orderpipeline_producer.decoding.record_batch import RecordBatch
from orderpipeline_producer.kafka.confluent_client import Report
from orderpipeline_producer.kafka.delivery import Delivery
from orderpipeline_producer.kafka.in_flight import InFlight
from orderpipeline_producer.kafka.producer_client import (
    CHECK_SECONDS,
    RECORD_HEADERS,
    Config,
    Headers,
    ProducerClient,
    leaderless,
)

OWN_COMPRESSION: Final = ("none", "snappy", "lz4")
"""Compression types that the accelerator's own client supports."""
LEVELS: Final = (50, 50, 50, 40, 30, 20, 20, 10)
"""Python's log levels for those of syslog."""

_log = logging.getLogger(__name__)


class FailedRecord(msgspec.Struct, frozen=True, gc=False):
    """A record that failed, with the interface of confluent-kafka's messages."""

    payload: bytes

    def value(self) -> bytes:
        """The record's value."""
        return self.payload


class AcceleratedClient(ProducerClient):
    """Either client of the accelerator. Raises ImportError without it, ValueError for a wrong configuration."""

    def __init__(
        self, config: Config, topic: str, max_in_flight: int, report: Report, loop: asyncio.AbstractEventLoop
    ) -> None:
        from orderpipeline_accelerator import DirectProducer, InFlightBytes, LibrdkafkaProducer, librdkafka

        super().__init__(InFlight(max_in_flight, InFlightBytes()))
        self._topic = topic
        self._report = report
        self._loop = loop
        text = [(name, _text(value)) for name, value in config.items()]
        headers = list(RECORD_HEADERS)
        self.compiled: DirectProducer | LibrdkafkaProducer
        if config["security.protocol"] == "PLAINTEXT" and config["compression.type"] in OWN_COMPRESSION:
            self.compiled = DirectProducer(text, topic, headers, self._on_event, self._on_failed)
        else:
            self.compiled = LibrdkafkaProducer(librdkafka(), text, topic, headers, self._on_event, self._on_failed)
        loop.add_reader(self.compiled.fd, self.compiled.poll)

    def _queue(self, batch: RecordBatch, headers: Headers, delivery: Delivery) -> int:
        if isinstance(batch, AcceleratedBatch):
            return self.compiled.produce_orders(batch.orders, headers, delivery.complete)
        produce = self.compiled.produce
        count = 0
        for key, value in batch.entries():
            if not produce(key, value, headers, delivery):
                break
            count += 1
        return count

    def check(self) -> str:
        try:
            leaders, error = self.compiled.leaders(CHECK_SECONDS)
        except OSError as unreachable:
            return f"Kafka is unreachable: {unreachable}"
        return f"topic {self._topic}: {KafkaError(error).str()}" if error else leaderless(self._topic, leaders)

    def close(self, seconds: float) -> int:
        self._loop.remove_reader(self.compiled.fd)
        return self.compiled.flush(seconds)

    def _on_event(self, kind: str, code: int, name: str, text: str) -> None:
        if kind == "log":
            _log.log(LEVELS[min(max(code, 0), 7)], "%s: %s", name, text)
        else:
            self._report(name, text, fatal=kind == "fatal")

    def _on_failed(self, delivery: Delivery, code: int, value: bytes) -> None:
        delivery(KafkaError(code), FailedRecord(value))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
