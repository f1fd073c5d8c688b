"""Records that Kafka refused as too large are sent again, each in a Kafka batch of its own.

librdkafka fails all records of a Kafka batch when the batch is too large for the topic, also those that are small
enough. Alone, each gets the answer that belongs to it. A client of their own sends them: in the first one's batches
they would meet other records that are too large again and again.
"""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from confluent_kafka import KafkaError

from orderpipeline_producer.decoding.record_batch import RecordBatch
from orderpipeline_producer.kafka.delivery import Delivery, Headers, OnDone

_log = logging.getLogger(__name__)


class SoloClient(Protocol):
    """A producer client that sends each record in a Kafka batch of its own."""

    def send(self, batch: RecordBatch, headers: Headers = (), on_done: OnDone | None = None) -> Delivery:
        """See `ProducerClient`."""

    def close(self, seconds: float) -> int:
        """See `ProducerClient`."""


class Resends:
    """`open_client` opens the client for records that are sent again, when there is one for the first time."""

    def __init__(self, open_client: Callable[[], SoloClient]) -> None:
        self._open_client = open_client
        self._client: SoloClient | None = None

    def add(self, records: Iterable[tuple[RecordBatch, Callable[[int], None]]], headers: Headers) -> None:
        """Send records again, each a batch of one with what to call with its final error code, or 0."""
        for batch, on_code in records:
            on_done = partial(_report, on_code)
            try:
                self._client = self._client or self._open_client()
                delivery = self._client.send(batch, headers, on_done)
            except Exception:  # the records would have no end
                _log.exception("no Kafka client can be made for orders that are to be sent again")
                on_code(KafkaError._FAIL)
            else:
                if delivery.refused is not None:
                    on_code(KafkaError._QUEUE_FULL)

    def close(self, seconds: float) -> int:
        """Send everything, for at most so many seconds; returns how many records are still in flight. Blocks."""
        return 0 if self._client is None else self._client.close(seconds)


def _report(on_code: Callable[[int], None], delivery: Delivery) -> None:
    on_code(delivery.code)
