"""What a sink is, and how one is configured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.records.topic_partition import TopicPartition


@dataclass(frozen=True, slots=True)
class PartitionLease:
    """Ownership of a partition in the sink. A sink that `stores_positions` stores them along with the orders:
    `position` is where what it has stored ends, None if that is nothing. `epoch` fences earlier owners: batches with an
    older one are refused."""

    position: LogPosition | None = None
    epoch: int = 0
    topic_id: str = ""
    stores_positions: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition, each customer's in order; every record holds an order.

    `position()` is what may be stored for the partition along with this batch: all records below it are complete. Call
    it late: it increases while other batches of the partition complete.
    """

    topic_partition: TopicPartition
    records: Sequence[Record]
    position: Callable[[], LogPosition]
    lease: PartitionLease


class Sink(Protocol):
    """Takes orders. PermanentError and UnavailableError tell more than that an attempt failed."""

    @property
    def concurrent_batches(self) -> bool:
        """Whether batches of the same partition may be handled concurrently."""

    @property
    def batch_orders(self) -> int:
        """How many waiting orders of a partition a batch may have at least, however small `Policy.batch_size` is."""

    async def acquire(self, topic_partition: TopicPartition, topic_id: str) -> PartitionLease:
        """Called once per assignment, before any of its records. Retried for as long as it raises. `topic_id` is what
        Kafka gave the topic when it was created."""

    async def verify(self, topic_partition: TopicPartition, lease: PartitionLease) -> None:
        """Called now and then while this consumer has the partition, if the sink stores positions. Raises WentBackError
        if the sink no longer has what it had stored."""

    async def handle(self, batch: Batch) -> None:
        """Return once the batch is safe. Concurrent calls never hold orders of the same customer."""

    async def close(self) -> None:
        """Release connections."""


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink may need to know of its consumer."""

    group: str


class SinkConfig(Protocol):
    """The settings of one kind of sink, as read from the environment."""

    def check(self) -> None:
        """Raises SettingsError if a variable that this sink needs is missing."""

    def open(self, context: SinkContext) -> Sink:
        """Create the sink. Raises SettingsError if that is impossible."""
