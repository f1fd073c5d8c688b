"""The interface of the Kafka producer clients: they send batches and return a delivery for each."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from orderpipeline_common.contract import Header
from orderpipeline_common.engine import Engine
from orderpipeline_producer.decoding.record_batch import NOTHING, RecordBatch
from orderpipeline_producer.kafka.delivery import Completion, Delivery, Headers, OnDone
from orderpipeline_producer.kafka.in_flight import InFlight
from orderpipeline_producer.kafka.resends import Resends

Config = dict[str, str | int | float | bool]
"""A configuration, by librdkafka's names."""

RECORD_HEADERS: Final[Headers] = [(Header.CONTENT_TYPE, b"application/json")]
"""The headers of every record; others follow them."""
CHECK_SECONDS: Final = 2.0
"""Timeout of one request for the topic's metadata."""


class NoAnswer(str):
    """What is wrong if Kafka did not answer a request for metadata in time, or not at all."""

    __slots__ = ()


class ProducerClient(ABC):
    """A client for one topic. All methods except `check` belong to the event loop's thread."""

    engine: Engine

    def __init__(self, in_flight: InFlight, resends: Resends | None) -> None:
        """`resends` sends again what may not be too large itself; None if the client does, or if that is all it is
        for."""
        self.in_flight = in_flight
        self.resends = resends

    def send(self, batch: RecordBatch, headers: Headers = (), on_done: OnDone | None = None) -> Delivery:
        """Queue the records in order, as many as the client accepts, or none if `in_flight` lacks capacity for all.

        Never blocks. `headers` are added to those of every record.
        """
        in_flight, size, count = self.in_flight, batch.size, len(batch)
        if not in_flight.reserve(size):
            return Delivery(NOTHING, 0, in_flight, 0, 0, refused=batch)
        delivery = Delivery(batch, size, in_flight, count, count, on_done, headers=headers, resends=self.resends)
        queued = self._queue(batch, headers, delivery)
        in_flight.accepted += queued
        if queued != count:
            delivery.refuse_from(queued)
        return delivery

    @abstractmethod
    def _queue(self, batch: RecordBatch, headers: Headers, delivery: Completion) -> int:
        """Queue the records in order, as many as the client accepts; returns how many."""

    @abstractmethod
    def check(self) -> str:
        """Request the topic's metadata: what is wrong with it, empty if nothing is. Blocks; for any thread."""

    @property
    def renews_access(self) -> bool:
        """Whether `renew_access` has an effect. librdkafka keeps what it was started with."""
        return False

    def renew_access(self, config: Config) -> None:  # noqa: B027 - most clients can't
        """Use the certificates and credentials of this configuration from now on, also instead of those that open
        connections were opened with. Raises ValueError, and changes nothing, if they can't be used.
        """

    def close(self, seconds: float) -> int:
        """Send everything and wait until nothing is in flight, for at most `seconds`; returns how many records still
        are. Blocks."""
        end = time.monotonic() + seconds
        left = self._close(seconds)
        return left if self.resends is None else left + self.resends.close(max(0.0, end - time.monotonic()))

    @abstractmethod
    def _close(self, seconds: float) -> int:
        """As `close`, but for what is sent again."""


def leaderless(topic: str, leaders: Sequence[int]) -> str:
    """The problem if no partition has a leader, else empty. `leaders` has a broker id per partition, -1 for none."""
    return f"topic {topic}: no partition has a leader" if leaders and max(leaders) < 0 else ""
