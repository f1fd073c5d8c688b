"""What the poll loop needs from a source of records."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

import confluent_kafka
from confluent_kafka import Consumer, KafkaError

from orderpipeline_consumer.records.batch import FetchedBatch
from orderpipeline_consumer.records.topic_partition import TopicPartition


@dataclass(slots=True)
class Fetched:
    """The result of one poll: batches, each partition's in order; end offsets reached after them; and errors."""

    batches: list[FetchedBatch] = field(default_factory=list)
    ends: list[tuple[TopicPartition, int]] = field(default_factory=list)
    errors: list[KafkaError] = field(default_factory=list)


class Controls(Protocol):
    """What is fetched of the partitions that are assigned, by the Kafka client's own class for a partition."""

    def pause(self, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """Fetch nothing of these until they are resumed."""

    def resume(self, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """Undo `pause`."""

    def seek(self, partition: confluent_kafka.TopicPartition) -> None:
        """Fetch from this offset on; with a leader epoch, from where the log was cut since. Raises KafkaException if
        the partition can't be read yet."""


class FetchedByConsumer:
    """What sources have in common whose consumer fetches itself, and knows what is assigned to it; see `Source`."""

    def attach(self, consumer: Consumer) -> Controls:
        """The consumer is told what to fetch."""
        return consumer

    def prepare(self, consumer: Consumer, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """The consumer remembers what was paused when it was revoked."""
        if partitions:
            consumer.resume(partitions)

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """The consumer knows."""


class Source(Protocol):
    """Fetches records for one consumer. Only the poll loop's thread may call it; the consumer's callbacks run within
    `poll`."""

    def attach(self, consumer: Consumer) -> Controls:
        """Called once, before the consumer subscribes."""

    def prepare(self, consumer: Consumer, partitions: list[confluent_kafka.TopicPartition]) -> None:
        """Called before these partitions are assigned to the consumer."""

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """These partitions are no longer assigned."""

    def poll(self, consumer: Consumer, seconds: float) -> Fetched:
        """What is available; waits at most `seconds` for the first message. Raises OtherClientError."""

    def close(self) -> None:
        """Release everything. Called before the consumer is closed."""
