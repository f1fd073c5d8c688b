"""Which partition of which topic."""

from typing import NamedTuple


class TopicPartition(NamedTuple):
    """The identity of a partition; hashable and sortable, unlike the Kafka client's class of the same name."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"
