"""Logs each order."""

import logging
from dataclasses import dataclass
from typing import Final

from orderpipeline_common.runtime import EnvReader
from orderpipeline_consumer.records.topic_partition import TopicPartition
from orderpipeline_consumer.sinks.base import Batch, PartitionLease, SinkContext

log = logging.getLogger("orderpipeline.orders")


@dataclass(frozen=True, slots=True)
class LogConfig:
    """There is nothing to configure."""

    @classmethod
    def read(cls, _: EnvReader) -> "LogConfig":
        """Reads no variables."""
        return cls()

    def check(self) -> None:
        """Needs no variables."""

    def open(self, _: SinkContext) -> "LogSink":
        """Never fails."""
        return LogSink()


class LogSink:
    """One line per order, at level INFO."""

    concurrent_batches: Final = False

    async def acquire(self, _: TopicPartition, __: str) -> PartitionLease:
        """A log stores no positions."""
        return PartitionLease()

    async def verify(self, _: TopicPartition, __: PartitionLease) -> None:
        """Nothing was stored."""

    async def handle(self, batch: Batch) -> None:
        """Log the orders of the batch in order."""
        partition = batch.topic_partition.partition
        for record in batch.records:
            order = record.order
            assert order is not None
            extra = {
                "order_id": order.order_id,
                "customer_id": order.customer_id,
                "product_id": order.product_id,
                "quantity": order.quantity,
                "amount": order.amount,
                "partition": partition,
                "offset": record.offset,
            }
            log.info("order", extra=extra)

    async def close(self) -> None:
        """Holds nothing."""
