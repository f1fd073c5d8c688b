"""A dispatcher with one partition, a sink that the test controls and a dead-letter topic that can fail."""

import asyncio
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from orderpipeline_common.contract import Metric
from orderpipeline_consumer.degradations import Degradations
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.backoff import Backoff
from orderpipeline_consumer.processing.dispatcher import Dispatcher
from orderpipeline_consumer.processing.partition import AssignedPartition
from orderpipeline_consumer.processing.policy import Policy
from orderpipeline_consumer.processing.start import LogState
from orderpipeline_consumer.records.record import Headers, Record
from orderpipeline_consumer.records.topic_partition import TopicPartition
from orderpipeline_consumer.sinks.base import Batch, PartitionLease
from tests.support.waiting import settles
from tests.unit.consumer.builders import entries, orders


class ControlledSink:
    """Waits for `gate`, then calls `respond`, which may raise; records the offsets it was given."""

    concurrent_batches = True
    batch_orders = 1

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.respond: Callable[[Sequence[Record]], None] = lambda _: None
        self.started: list[int] = []
        self.done: list[int] = []
        self.positions: list[int] = []
        self.running = self.max_running = 0
        self.lease = PartitionLease()
        self.lost: Exception | None = None

    async def acquire(self, topic_partition: TopicPartition, topic_id: str) -> PartitionLease:
        return self.lease

    async def verify(self, topic_partition: TopicPartition, lease: PartitionLease) -> None:
        if self.lost is not None:
            raise self.lost

    async def handle(self, batch: Batch) -> None:
        self.started += [one.offset for one in batch.records]
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        try:
            await self.gate.wait()
            self.respond(batch.records)
        finally:
            self.running -= 1
        self.positions.append(batch.position().offset)
        self.done += [one.offset for one in batch.records]

    async def close(self) -> None: ...


class FlakyDeadLetters:
    """A dead-letter topic whose first `failures` writes fail."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.sent: list[tuple[int, Headers]] = []

    async def send(self, record: Record, headers: Headers) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("no broker")
        self.sent.append((record.offset, headers))

    async def close(self) -> None: ...


class DispatcherHarness:
    """A dispatcher with one partition, which is assigned with the first records."""

    def __init__(
        self,
        dead_letters: FlakyDeadLetters | None = None,
        *,
        batch_size: int = 4,
        workers: int = 3,
        concurrent_batches: bool = True,
        batch_orders: int = 1,
        attempts: int = 3,
    ) -> None:
        self.sink = ControlledSink()
        self.sink.concurrent_batches = concurrent_batches
        self.sink.batch_orders = batch_orders
        self.failures: list[Exception] = []
        self.metrics = Metrics(CollectorRegistry())
        self.degradations = Degradations(self.metrics)
        policy = Policy(workers, batch_size, attempts, Backoff(0.001), lambda: 0.0, Backoff(0.001))
        self.dispatcher = Dispatcher(
            policy, self.sink, dead_letters, self.metrics, self.degradations, on_failure=self.failures.append
        )
        self.partition = AssignedPartition(orders(0), log=LogState("id", 0, 10**6))

    async def receive(self, *items: Record | int) -> None:
        if self.partition.lease is None:
            self.dispatcher.assign(self.partition)
            while self.partition.lease is None:
                await asyncio.sleep(0)
        self.dispatcher.receive(self.partition, entries(*items))

    def restarts(self, cause: str) -> float | None:
        """How often partitions started over for this cause."""
        return self.metrics.registry.get_sample_value(f"{Metric.PARTITION_RESTARTS}_total", {"cause": cause})

    async def until(self, condition: Callable[[], bool]) -> None:
        await settles("such a state", condition, every=0.001)
