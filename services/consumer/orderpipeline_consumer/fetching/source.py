"""What the poll loop needs from a source of records."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from confluent_kafka import Consumer, KafkaError

from orderpipeline_consumer.records.batch import FetchedBatch
from orderpipeline_consumer.records.topic_partition import TopicPartition


@dataclass(slots=True)
class Fetched:
    """The result of one poll: batches, each partition's in order; end offsets reached after them; and errors."""

    batches: list[FetchedBatch] = field(default_factory=list)
    ends: list[tuple[TopicPartition, int]] = field(default_factory=list)
    errors: list[KafkaError] = field(default_factory=list)


class Source(Protocol):
    """Fetches records for one consumer. Only the poll loop's thread may call it; the consumer's callbacks run within
    `poll`."""

    def attach(self, consumer: Consumer) -> None:
        """Called once, before the consumer subscribes."""

    def prepare(self, partitions: Collection[TopicPartition]) -> None:
        """Called before these partitions are assigned to the consumer."""

    def poll(self, consumer: Consumer, seconds: float) -> Fetched:
        """What is available; waits at most `seconds` for the first message."""

    def close(self) -> None:
        """Release everything. Called before the consumer is closed."""
