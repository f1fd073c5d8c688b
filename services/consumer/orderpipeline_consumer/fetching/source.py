"""What the Kafka thread asks of a way to take orders from a consumer."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka import Consumer, KafkaError

from orderpipeline_consumer.records.batch import Lot


@dataclass(slots=True)
class Taken:
    """What has come: lots of partitions in their order, ends that partitions had after them, and errors."""

    lots: list[tuple[int, Lot]] = field(default_factory=list)
    ends: list[tuple[int, int]] = field(default_factory=list)
    errors: list[KafkaError] = field(default_factory=list)


class Source(Protocol):
    """One way for one consumer. All calls are the Kafka thread's; the consumer's callbacks run within `take`."""

    def attach(self, consumer: Consumer) -> None:
        """Called once, before the consumer subscribes."""

    def lead(self, partitions: Collection[int]) -> None:
        """These are about to be assigned."""

    def take(self, consumer: Consumer, seconds: float) -> Taken:
        """What has come, within `seconds` for the first message."""

    def close(self) -> None:
        """Give everything back, before the consumer is closed."""
