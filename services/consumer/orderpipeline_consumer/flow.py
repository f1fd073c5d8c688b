"""Back-pressure: which partitions are paused."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from orderpipeline_consumer.partition import Partition

log = logging.getLogger(__name__)
ASK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may be held at a time: `orders` and `bytes` not yet finished in all, and per partition `span` orders
    from the
    first unfinished one on. Intake resumes at half of each."""

    orders: int
    bytes: int
    span: int


class Flow:
    """Pauses and resumes, on the Kafka thread. `holding` tells that something is paused."""

    def __init__(self, topic: str, bounds: Bounds) -> None:
        self._topic = topic
        self._bounds = bounds
        self._full = False
        self.holding = False

    def steer(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """Pause what is full or not yet claimed, resume the rest."""
        partitions = list(partitions)
        self._full = self._is_full(partitions)
        pause: list[TopicPartition] = []
        resume: list[TopicPartition] = []
        for partition in partitions:
            hold = self._full or partition.claim is None or self._is_wide(partition)
            if hold == partition.paused:
                continue
            if not hold and not partition.sought:
                partition.sought = True
                self._go_on(consumer, partition)
            partition.paused = hold
            (pause if hold else resume).append(TopicPartition(self._topic, partition.number))
        if pause:
            consumer.pause(pause)
        if resume:
            consumer.resume(resume)
        self.holding = any(partition.paused for partition in partitions)

    def _is_full(self, partitions: list[Partition]) -> bool:
        orders = sum(one.open + one.handed - one.received for one in partitions)
        size = sum(one.bytes for one in partitions)
        share = 2 if self._full else 1
        return orders >= self._bounds.orders // share or size >= self._bounds.bytes // share

    def _is_wide(self, partition: Partition) -> bool:
        return partition.offsets.span >= self._bounds.span // (2 if partition.paused else 1)

    def _go_on(self, consumer: Consumer, partition: Partition) -> None:
        """Skip what the sink has already. Where that fails, the engine drops those records one by one."""
        position = partition.claim.position if partition.claim is not None else None
        if position is None:
            return
        place = TopicPartition(self._topic, partition.number, position)
        try:
            committed = consumer.committed([TopicPartition(self._topic, partition.number)], timeout=ASK_SECONDS)
            if position > committed[0].offset:
                consumer.seek(place)
                log.info("partition %d goes on at %d, where the sink is", partition.number, position)
        except KafkaException as error:
            log.warning("partition %d: could not go on at the sink's offset %d: %s", partition.number, position, error)
