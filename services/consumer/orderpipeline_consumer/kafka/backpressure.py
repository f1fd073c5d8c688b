"""Back-pressure: which partitions are paused."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from orderpipeline_consumer.processing.partition import Partition

PATIENCE_SECONDS: Final = 0.5
AGAIN_SECONDS: Final = 1.0
"""How often the client is told anew what is paused and what is not. A pause or resume that meets another change of the
partition inside librdkafka, such as the start of an assignment, is dropped without a word (its issue 5591); a partition
whose resume was dropped would stand still for ever."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be held at a time: `orders` and `bytes` not yet finished in all, and per partition `span` orders from
    the first unfinished one on. Intake resumes at half of each."""

    orders: int
    bytes: int
    span: int


class Flow:
    """Pauses and resumes, on the Kafka thread. `holding` tells that something is paused, `waiting` that nothing
    should be taken for the moment.

    A pause throws away what the client has fetched ahead, so a full house first just waits, and pauses when it stays
    full."""

    def __init__(self, topic: str, bounds: Bounds, *, clock: Callable[[], float]) -> None:
        self._topic = topic
        self._bounds = bounds
        self._clock = clock
        self._full = False
        self._full_since = 0.0
        self._again = 0.0
        self.holding = False
        self.waiting = False

    def steer(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """Pause what is full, resume the rest."""
        partitions = list(partitions)
        now = self._clock()
        pausing = self._must_pause(partitions, now)
        again = now >= self._again
        if again:
            self._again = now + AGAIN_SECONDS
        pause: list[TopicPartition] = []
        resume: list[TopicPartition] = []
        for partition in partitions:
            hold = pausing or self._is_wide(partition)
            if hold != partition.paused or again:
                partition.paused = hold
                (pause if hold else resume).append(TopicPartition(self._topic, partition.number))
        if pause:
            consumer.pause(pause)
        if resume:
            consumer.resume(resume)
        self.holding = any(partition.paused for partition in partitions)

    def _must_pause(self, partitions: list[Partition], now: float) -> bool:
        was, self._full = self._full, self._is_full(partitions)
        if self._full and not was:
            self._full_since = now
        pausing = self._full and now - self._full_since >= PATIENCE_SECONDS
        self.waiting = self._full and not pausing
        return pausing

    def _is_full(self, partitions: list[Partition]) -> bool:
        orders = sum(one.open + one.handed - one.received for one in partitions)
        size = sum(one.bytes for one in partitions)
        share = 2 if self._full else 1
        return orders >= self._bounds.orders // share or size >= self._bounds.bytes // share

    def _is_wide(self, partition: Partition) -> bool:
        return partition.offsets.span >= self._bounds.span // (2 if partition.paused else 1)
