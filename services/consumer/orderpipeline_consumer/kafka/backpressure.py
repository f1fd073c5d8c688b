"""Backpressure: which partitions are paused."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from confluent_kafka import TopicPartition

from orderpipeline_consumer.fetching.source import Controls
from orderpipeline_consumer.kafka.client import to_kafka
from orderpipeline_consumer.processing.partition import AssignedPartition

PAUSE_AFTER_SECONDS: Final = 0.5
"""How long polling merely stops at the limit before partitions are paused."""
REPEAT_SECONDS: Final = 1.0
"""How often pauses and resumes are repeated. librdkafka silently drops one that coincides with another change of the
partition, such as the start of an assignment (its issue 5591); a partition whose resume was dropped would be stuck."""
MIN_ORDERS: Final = 20_000
MAX_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BackpressureLimits:
    """What may be held: `orders` and `bytes` that are not complete, in all; and per partition `max_uncommitted` orders
    at or above the position. Fetching resumes at half of each."""

    orders: int
    bytes: int
    max_uncommitted: int

    @classmethod
    def for_workers(cls, workers: int, batch_size: int) -> "BackpressureLimits":
        """Two batches for every worker; ten times as many orders may be complete behind one that keeps failing."""
        orders = max(MIN_ORDERS, 2 * workers * batch_size)
        return cls(orders=orders, bytes=MAX_BYTES, max_uncommitted=10 * orders)


class Backpressure:
    """Pauses and resumes partitions; belongs to the poll loop's thread. `any_paused` tells whether a partition is
    paused, `hold_polling` that nothing should be polled for now.

    Pausing discards what the client has prefetched, so at the limit polling first stops for a moment; partitions are
    paused only if that is not enough."""

    def __init__(self, limits: BackpressureLimits, *, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._full = False
        self._full_since = 0.0
        self._repeat_at = 0.0
        self.any_paused = False
        self.hold_polling = False

    def update(self, controls: Controls, partitions: Iterable[AssignedPartition]) -> None:
        """Pause the partitions that are at a limit, resume the others."""
        partitions = list(partitions)
        now = self._clock()
        pause_all = self._must_pause_all(partitions, now)
        repeat = now >= self._repeat_at
        if repeat:
            self._repeat_at = now + REPEAT_SECONDS
        pause: list[TopicPartition] = []
        resume: list[TopicPartition] = []
        for partition in partitions:
            paused = pause_all or not partition.positioned or self._has_too_many_uncommitted(partition)
            if paused != partition.paused or repeat:
                partition.paused = paused
                (pause if paused else resume).append(to_kafka(partition.topic_partition))
        if pause:
            controls.pause(pause)
        if resume:
            controls.resume(resume)
        self.any_paused = any(partition.paused for partition in partitions)

    def _must_pause_all(self, partitions: list[AssignedPartition], now: float) -> bool:
        was_full, self._full = self._full, self._is_full(partitions)
        if self._full and not was_full:
            self._full_since = now
        pause_all = self._full and now - self._full_since >= PAUSE_AFTER_SECONDS
        self.hold_polling = self._full and not pause_all
        return pause_all

    def _is_full(self, partitions: list[AssignedPartition]) -> bool:
        orders = sum(each.open + each.fetched - each.received for each in partitions)
        size = sum(each.bytes for each in partitions)
        divisor = 2 if self._full else 1
        return orders >= self._limits.orders // divisor or size >= self._limits.bytes // divisor

    def _has_too_many_uncommitted(self, partition: AssignedPartition) -> bool:
        return partition.offsets.uncommitted >= self._limits.max_uncommitted // (2 if partition.paused else 1)
