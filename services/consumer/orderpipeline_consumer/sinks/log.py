"""Logs orders: each of them, or a sample."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from orderpipeline_common.contract import Env
from orderpipeline_common.runtime import EnvReader
from orderpipeline_consumer.records.topic_partition import TopicPartition
from orderpipeline_consumer.sinks.base import Batch, PartitionLease, SinkContext

log = logging.getLogger("orderpipeline.orders")
FIRST: Final = 10
"""Orders of each second that are logged in any case, so that a few sent by hand are all there to see."""


@dataclass(frozen=True, slots=True)
class LogConfig:
    """After the first orders of a second, one of `every` is logged; 1 logs each order."""

    every: int

    @classmethod
    def read(cls, env: EnvReader) -> "LogConfig":
        """Raises SettingsError for a malformed number."""
        return cls(env.integer(Env.SINK_LOG_EVERY, 1000, low=1, high=1_000_000_000))

    def check(self) -> None:
        """Needs no variables."""

    def open(self, _: SinkContext) -> "LogSink":
        """Never fails."""
        return LogSink(self.every)


class Sample:
    """Which orders are logged: the first of each second, then one of `every`. `clock` is in seconds."""

    def __init__(self, every: int, clock: Callable[[], float]) -> None:
        self._every = every
        self._clock = clock
        self._second = clock()
        self._seen = 0
        self.total = 0
        """Orders so far."""

    def take(self, count: int) -> Sequence[int]:
        """The indexes to log of the next `count` orders, ascending. Takes time for these alone."""
        now = self._clock()
        if now - self._second >= 1.0:
            self._second, self._seen = now, 0
        seen = self._seen
        self._seen += count
        self.total += count
        first = min(max(FIRST - seen, 0), count)
        last_logged = max(seen - FIRST, 0) // self._every * self._every + FIRST
        return [*chain(range(first), range(last_logged + self._every - seen - 1, count, self._every))]


class LogSink:
    """A line per logged order, at level INFO, with the number of `orders` that this process has had by then."""

    concurrent_batches: Final = False
    batch_orders: Final = 1

    def __init__(self, every: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._sample = Sample(every, clock)

    async def acquire(self, _: TopicPartition, __: str) -> PartitionLease:
        """A log stores no positions."""
        return PartitionLease()

    async def verify(self, _: TopicPartition, __: PartitionLease) -> None:
        """Nothing was stored."""

    async def handle(self, batch: Batch) -> None:
        """Log the sampled orders of the batch in order; the others are not even decoded."""
        before = self._sample.total
        for index in self._sample.take(len(batch.records)):
            record = batch.records[index]
            order = record.order
            assert order is not None
            extra = {
                "order_id": order.order_id,
                "customer_id": order.customer_id,
                "product_id": order.product_id,
                "quantity": order.quantity,
                "amount": order.amount,
                "partition": batch.topic_partition.partition,
                "offset": record.offset,
                "orders": before + index + 1,
            }
            log.info("order", extra=extra)

    async def close(self) -> None:
        """Holds nothing."""
