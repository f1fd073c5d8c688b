"""Hands the received orders to the sink, customers concurrently, and decides what happens to those that fail.

Runs on the event loop. The poll loop's thread calls `assign`, `receive`, `drain` and `remove` through the loop, and
reads positions directly."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from orderpipeline_common.contract import Header
from orderpipeline_consumer.degradations import Degradations
from orderpipeline_consumer.errors import FencedError, PermanentError, WentBackError
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.bisect_failures import Failure, Outcome, bisect_failures
from orderpipeline_consumer.processing.dead_letters import DeadLetters, dead_letter_headers
from orderpipeline_consumer.processing.leases import Leases
from orderpipeline_consumer.processing.partition import AssignedPartition
from orderpipeline_consumer.processing.policy import Policy
from orderpipeline_consumer.processing.start import TRUNCATED
from orderpipeline_consumer.processing.tasks import PartitionTasks
from orderpipeline_consumer.records.batch import BatchSlice, Entry
from orderpipeline_consumer.records.offsets import OffsetTracker
from orderpipeline_consumer.records.record import Headers, Record
from orderpipeline_consumer.sinks.base import Batch, Sink

log = logging.getLogger(__name__)

TURN_SECONDS: Final = 0.005
"""How long a worker may go from batch to batch before it yields to the event loop."""


class Dispatcher:
    """Runs at most `policy.workers` batches at a time. A failing order waits for its next attempt, and its customer's
    later orders behind it, while other customers go on; without `dead_letters` it is retried forever.

    `on_failure` is called with what this process cannot recover from: a fence by another owner, or a defect.
    """

    def __init__(
        self,
        policy: Policy,
        sink: Sink,
        dead_letters: DeadLetters | None,
        metrics: Metrics,
        degradations: Degradations,
        *,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._policy = policy
        self._sink = sink
        self._concurrent_batches = sink.concurrent_batches
        self._batch_orders = max(policy.batch_size, sink.batch_orders)
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._degradations = degradations
        self._partitions: deque[AssignedPartition] = deque()
        self._leases = Leases(sink, policy, metrics, degradations)
        self._busy_workers = 0
        self._tasks = PartitionTasks(self._start_worker, on_failure)
        metrics.orders_open.set_function(lambda: sum(partition.open for partition in self._partitions))
        metrics.orders_open_bytes.set_function(lambda: sum(partition.bytes for partition in self._partitions))
        metrics.orders_open_age.set_function(self._oldest_age)

    def assign(self, partition: AssignedPartition) -> None:
        """Add a partition whose log is known; once the sink has granted the lease, `start` tells where to read."""
        self._partitions.append(partition)
        self._tasks.start(self._leases.hold(partition), partition, drained=False)

    def receive(self, partition: AssignedPartition, entries: Sequence[Entry]) -> None:
        """Queue batches in the order of their offsets."""
        partition.received += sum(len(entry) for entry in entries if not isinstance(entry, int))
        if partition.draining:
            return  # ignores end offsets too: they are past records that were not queued
        tracker = partition.offsets
        for entry in entries:
            if isinstance(entry, int):
                partition.offsets.skip_to(entry)
            else:
                partition.receive(entry)
        if partition.offsets is not tracker:
            self._metrics.restarts.labels(TRUNCATED).inc()
        partition.arrivals.note(partition.offsets.next_offset, time.monotonic())
        self._start_worker()

    async def drain(self, partitions: Sequence[AssignedPartition], seconds: float) -> None:
        """Finish what is in flight within `seconds`, then cancel the rest; start nothing new but what `begin_drain`
        keeps."""
        for partition in partitions:
            partition.begin_drain()
        self._start_worker()
        try:
            async with asyncio.timeout(seconds):
                await self._tasks.wait_until(
                    lambda: not any(partition.running or partition.queue.ready for partition in partitions)
                )
        except TimeoutError:
            log.warning("drain timed out after %s s, the orders in flight will be delivered again", seconds)
        await self._tasks.cancel(partitions)
        for partition in partitions:  # what waits for its next attempt must not start it after the last commit
            partition.queue.clear()

    async def remove(self, partitions: Sequence[AssignedPartition]) -> None:
        """Forget partitions; what is still in flight for them is cancelled and has no effect."""
        for partition in partitions:
            partition.abandon()
            if partition in self._partitions:
                self._partitions.remove(partition)
            self._leases.forget(partition)
        await self._tasks.cancel(partitions)

    def _oldest_age(self) -> float:
        waiting = [since for partition in self._partitions if (since := partition.waiting_since) is not None]
        return max(time.monotonic() - min(waiting), 0.0) if waiting else 0.0

    def _start_worker(self) -> None:
        """Start a worker if one is free and there is work. It starts the next one only once its first batch waits for
        something: until then a second one would gain nothing."""
        if self._busy_workers < self._policy.workers and any(map(self._may_start, self._partitions)):
            self._busy_workers += 1
            self._tasks.start(self._work())

    def _may_start(self, partition: AssignedPartition) -> bool:
        return partition.ready and (self._concurrent_batches or not partition.running)

    def _next_batch(self) -> tuple[AssignedPartition, Sequence[Record]] | None:
        """A batch of the next partition that has one, round robin."""
        for _ in range(len(self._partitions)):
            partition = self._partitions[0]
            self._partitions.rotate(-1)
            if self._may_start(partition):
                batch = partition.next_batch(self._batch_orders)
                if batch:
                    return partition, batch
        return None

    async def _work(self) -> None:
        """A worker: one batch after the other, of any partition, until there are none."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        turn_began = loop.time()
        try:
            loop.call_soon(self._start_worker)  # runs when this one waits or ends
            while (found := self._next_batch()) is not None:
                partition, batch = found
                self._tasks.enter(task, partition)
                try:
                    await self._process(partition, batch)
                except WentBackError as error:
                    partition.give_back(str(error))
                except FencedError:
                    if not partition.draining:  # fencing the leftovers of an earlier assignment is intended
                        raise
                self._tasks.leave(task, partition)
                if loop.time() - turn_began > TURN_SECONDS:  # a handler that never waits must not block the loop
                    await asyncio.sleep(0)
                    turn_began = loop.time()
        finally:
            self._busy_workers -= 1

    async def _process(self, partition: AssignedPartition, batch: Sequence[Record]) -> None:
        """Handle the batch and complete, retry or bury each of its orders. Raises FencedError."""
        tracker, lease = partition.offsets, partition.lease
        assert lease is not None
        failed: Exception | None = None
        if isinstance(batch, BatchSlice):
            position = partial(partition.position_with, tracker, records=batch.in_flight)
            try:
                await self._handle(partition, Batch(partition.topic_partition, batch, position, lease))
            except FencedError:
                raise
            except Exception as error:
                failed = error
            else:
                partition.complete_whole(tracker, batch)
                return
            batch = partition.split(tracker, batch)

        async def handle(records: Sequence[Record]) -> None:
            position = partial(partition.position_with, tracker, {record.offset for record in records})
            await self._handle(partition, Batch(partition.topic_partition, records, position, lease))
            partition.complete(tracker, records)

        outcome = await bisect_failures(batch, handle, failed)
        if outcome.unavailable is not None:
            self._degradations.set("sink", str(outcome.unavailable))
        for key in dict.fromkeys(record.ordering_key for record in batch):
            self._conclude(partition, tracker, key, outcome)

    async def _handle(self, partition: AssignedPartition, batch: Batch) -> None:
        began = time.monotonic()
        try:
            await self._sink.handle(batch)
        finally:
            self._metrics.handle_seconds.observe(time.monotonic() - began)
        if batch.lease.stores_positions:
            partition.stored = partition.storing
        self._metrics.orders_handled.inc(len(batch.records))
        self._degradations.clear("sink")

    def _conclude(self, partition: AssignedPartition, tracker: OffsetTracker, key: str, outcome: Outcome) -> None:
        """Release the key, now or when its next attempt is due."""
        waiting = outcome.waiting.get(key, [])
        if tracker is not partition.offsets:  # records of an earlier log: their offsets are other orders now
            partition.queue.release(key)
        elif (failure := outcome.failed.get(key)) is not None:
            self._conclude_failure(partition, key, failure, waiting)
        elif waiting:
            partition.queue.put_back(key, waiting)
            partition.outages[key] = outages = partition.outages.get(key, 0) + 1
            self._metrics.orders_retried.labels("unavailable").inc(len(waiting))
            self._release_later(partition, key, self._policy.outage_delay(outages))
        else:
            partition.attempts.pop(key, None)
            partition.outages.pop(key, None)
            partition.queue.release(key)

    def _conclude_failure(
        self, partition: AssignedPartition, key: str, failure: Failure, waiting: list[Record]
    ) -> None:
        record, error = failure.record, failure.error
        attempts = partition.attempts.get(key, 0) + 1
        if self._dead_letters is not None and (isinstance(error, PermanentError) or attempts >= self._policy.attempts):
            partition.attempts.pop(key, None)
            partition.outages.pop(key, None)
            partition.queue.put_back(key, waiting)
            headers = dead_letter_headers(record, error, attempts)
            self._tasks.start(self._bury(partition, partition.offsets, record, headers), partition)
            return
        partition.attempts[key] = attempts
        partition.queue.put_back(key, [record, *waiting], isolated=True)
        self._metrics.orders_retried.labels("failed").inc()
        delay = self._policy.retry_delay(attempts)
        log.warning("order at %s failed (attempt %d), retrying in %.1f s: %r", record.location, attempts, delay, error)
        self._release_later(partition, key, delay)

    async def _bury(
        self, partition: AssignedPartition, tracker: OffsetTracker, record: Record, headers: Headers
    ) -> None:
        """Write a dead letter, as often as it takes: the order stays open, and the commit waits, until it is safe."""
        assert self._dead_letters is not None
        attempts = 0
        while True:
            try:
                await self._dead_letters.send(record, headers)
            except Exception as error:
                attempts += 1
                self._metrics.dead_letters_failed.inc()
                self._degradations.set("dead-letter", str(error))
                await self._tasks.sleep(partition, self._policy.retry_delay(attempts))
            else:
                break
        self._degradations.clear("dead-letter")
        self._metrics.dead_letters.inc()
        reason = dict(headers).get(Header.ERROR) or b""
        log.warning("order at %s is a dead letter: %s", record.location, reason.decode())
        partition.complete_dead_letter(tracker, record)
        partition.queue.release(record.ordering_key)

    def _release_later(self, partition: AssignedPartition, key: str, seconds: float) -> None:
        def release() -> None:
            partition.queue.release(key)
            self._start_worker()

        asyncio.get_running_loop().call_later(seconds, release)
