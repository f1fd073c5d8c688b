"""Back-pressure: which partitions are paused."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from orderpipeline_consumer.partition import Partition

log = logging.getLogger(__name__)
ASK_SECONDS = 5.0
PATIENCE_SECONDS = 0.5


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
        self.holding = False
        self.waiting = False

    def steer(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """Pause what is full or not yet claimed, resume the rest."""
        partitions = list(partitions)
        pausing = self._must_pause(partitions)
        pause: list[TopicPartition] = []
        resume: list[TopicPartition] = []
        first: list[Partition] = []
        for partition in partitions:
            hold = pausing or partition.claim is None or self._is_wide(partition)
            if hold == partition.paused:
                continue
            if not hold and not partition.sought:
                partition.sought = True
                first.append(partition)
            partition.paused = hold
            (pause if hold else resume).append(TopicPartition(self._topic, partition.number))
        self._go_on(consumer, first)
        if pause:
            consumer.pause(pause)
        if resume:
            consumer.resume(resume)
        self.holding = any(partition.paused for partition in partitions)

    def _must_pause(self, partitions: list[Partition]) -> bool:
        was, self._full = self._full, self._is_full(partitions)
        now = self._clock()
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

    def _go_on(self, consumer: Consumer, partitions: list[Partition]) -> None:
        """Skip what the sink has already. Where that fails, the engine drops those records one by one."""
        ahead = {one.number: one.claim.position for one in partitions if one.claim is not None and one.claim.position}
        if not ahead:
            return
        try:
            asked = [TopicPartition(self._topic, number) for number in ahead]
            for answer in consumer.committed(asked, timeout=ASK_SECONDS):
                position = ahead[answer.partition]
                if position > answer.offset:
                    consumer.seek(TopicPartition(self._topic, answer.partition, position))
                    log.info("partition %d goes on at %d, where the sink is", answer.partition, position)
        except KafkaException as error:
            log.warning("partitions %s: could not go on at the sink's offsets: %s", sorted(ahead), error)
