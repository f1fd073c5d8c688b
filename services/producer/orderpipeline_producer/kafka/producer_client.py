"""What a Kafka producer client is to the rest: it sends batches, and each batch's delivery says what became of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from orderpipeline_common.contract import Header
from orderpipeline_producer.decoding.record_batch import NOTHING, RecordBatch
from orderpipeline_producer.kafka.delivery import Delivery, OnDone
from orderpipeline_producer.kafka.in_flight import InFlight

Headers = Sequence[tuple[str, bytes]]
Config = dict[str, str | int | float | bool]
"""A configuration by librdkafka's names."""

RECORD_HEADERS: Final[Headers] = [(Header.CONTENT_TYPE, b"application/json")]
"""What every record's headers begin with."""
CHECK_SECONDS: Final = 2.0
"""Longest that one look at the cluster's metadata may take."""


class ProducerClient(ABC):
    """One producer client for one topic. All calls but `check` belong to the event loop's thread."""

    def __init__(self, in_flight: InFlight) -> None:
        self.in_flight = in_flight

    def send(self, batch: RecordBatch, headers: Headers = (), on_done: OnDone | None = None) -> Delivery:
        """Queue the records, in turn, until the client takes no more; none when there is no capacity for all of them.

        Never waits. `headers` come behind those of every record.
        """
        in_flight, size, count = self.in_flight, batch.size, len(batch)
        if not in_flight.reserve(size):
            return Delivery(NOTHING, 0, in_flight, 0, 0, refused=batch)
        delivery = Delivery(batch, size, in_flight, count, count, on_done)
        queued = self._queue(batch, headers, delivery)
        in_flight.accepted += queued
        if queued != count:
            delivery.refuse_from(queued)
        return delivery

    @abstractmethod
    def _queue(self, batch: RecordBatch, headers: Headers, delivery: Delivery) -> int:
        """Queue the records, in turn, until the client takes no more; returns how many it took."""

    @abstractmethod
    def check(self) -> str:
        """Look at the topic's metadata: empty when it can take orders, else what is wrong. Blocks its thread."""

    @abstractmethod
    def close(self, seconds: float) -> int:
        """Send at once and wait until nothing is in flight; returns how many records still are. Blocks."""


def leaderless(topic: str, leaders: Sequence[int]) -> str:
    """What is wrong when no partition has a leader, by their leaders' ids (-1 for none); else empty."""
    return f"topic {topic}: no partition has a leader" if leaders and max(leaders) < 0 else ""
