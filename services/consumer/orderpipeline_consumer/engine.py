"""Hands the received orders to the sink, customers side by side, and keeps account of what is finished.

Runs on the event loop. The Kafka thread calls `assign`, `receive`, `drain` and `remove` through the loop and reads
positions."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from orderpipeline_consumer.deadletter import DeadLetters
from orderpipeline_consumer.errors import FencedError
from orderpipeline_consumer.handling import Handling, Policy
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.offsets import Offsets
from orderpipeline_consumer.partition import Partition
from orderpipeline_consumer.records import Record
from orderpipeline_consumer.sinks.base import Sink
from orderpipeline_consumer.troubles import Troubles

log = logging.getLogger(__name__)


class Engine:
    """At most `workers` batches at a time. `on_failure` is told of what this process cannot go on from: another owner's
    fence, or a defect."""

    def __init__(
        self,
        policy: Policy,
        sink: Sink,
        dead_letters: DeadLetters | None,
        metrics: Metrics,
        troubles: Troubles,
        *,
        random: Callable[[], float],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._policy = policy
        self._sink = sink
        self._metrics = metrics
        self._troubles = troubles
        self._random = random
        self._on_failure = on_failure
        self._handling = Handling(
            policy, sink, dead_letters, metrics, troubles, random=random, spawn=self._spawn, pump=self._pump
        )
        self._turn: deque[Partition] = deque()
        self._tasks: dict[asyncio.Task[None], Partition] = {}
        self._busy = 0
        self._progress = asyncio.Event()

    def assign(self, partition: Partition) -> None:
        """Take a partition on; the sink is asked where to go on until it answers."""
        self._turn.append(partition)
        self._start(partition, self._claim(partition))

    def receive(self, partition: Partition, entries: Sequence[Record | int]) -> None:
        """Queue records in the order of their offsets; a bare number is the end that the partition has for now."""
        partition.received += sum(not isinstance(entry, int) for entry in entries)
        if partition.draining:
            return  # also not the end of the partition: it lies behind records that were not taken
        done = partition.claim.position if partition.claim is not None else None
        for entry in entries:
            if isinstance(entry, int):
                partition.offsets.reached(entry)
                continue
            edge = partition.offsets.edge
            if edge is not None and entry.offset < edge:
                self._start_over(partition, entry.offset)
                done = None
            partition.offsets.received(entry.offset)
            if done is not None and entry.offset < done:
                partition.offsets.finished(entry.offset)  # the sink has it: only the commit was lost
                continue
            partition.open += 1
            partition.bytes += entry.size
            partition.queue.push(entry.lane, entry)
        self._pump()

    async def drain(self, partitions: Sequence[Partition], seconds: float) -> None:
        """Finish what is under way, within `seconds`, then cancel the rest.

        What was not begun is dropped, unless orders behind it were: those would then be handled twice.
        """
        for partition in partitions:
            partition.draining = True
            partition.queue.discard(lambda record, last=partition.started: record.offset > last)  # type: ignore[misc]
        self._pump()
        try:
            async with asyncio.timeout(seconds):
                while any(partition.running or partition.queue.ready for partition in partitions):
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            log.warning("drain took longer than %s s, the orders under way will be delivered again", seconds)
        await self._cancel(partitions)
        for partition in partitions:  # what waits for another attempt must not begin it after the last commit
            partition.queue.discard(lambda _: True)

    async def remove(self, partitions: Sequence[Partition]) -> None:
        """Forget partitions; what still runs for them is cancelled and counts for nothing."""
        for partition in partitions:
            partition.draining = True
            partition.queue.discard(lambda _: True)
            if partition in self._turn:
                self._turn.remove(partition)
        await self._cancel(partitions)

    async def _cancel(self, partitions: Sequence[Partition]) -> None:
        tasks = [task for task, partition in self._tasks.items() if partition in partitions]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _pump(self) -> None:
        """Start batches while workers are free, partitions in turn."""
        for _ in range(len(self._turn)):
            while self._busy < self._policy.workers and self._turn and self._turn[0].queue.ready:
                partition = self._turn[0]
                self._turn.rotate(-1)
                batch = partition.queue.take(self._policy.batch_size)
                partition.started = max(partition.started, max(record.offset for record in batch))
                self._busy += 1
                self._start(partition, self._work(partition, batch), counts=True)
            self._turn.rotate(-1)
        self._metrics.open.set(sum(partition.open for partition in self._turn))

    def _spawn(self, partition: Partition, work: Coroutine[Any, Any, None]) -> None:
        self._start(partition, work, counts=True)

    def _start(self, partition: Partition, work: Coroutine[Any, Any, None], *, counts: bool = False) -> None:
        """Run in the background; a drain waits for work that counts."""
        partition.running += counts
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = partition

        def ended(task: asyncio.Task[None]) -> None:
            del self._tasks[task]
            partition.running -= counts
            self._progress.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                self._on_failure(error if isinstance(error, Exception) else RuntimeError(repr(error)))
            self._pump()

        task.add_done_callback(ended)

    async def _work(self, partition: Partition, batch: list[Record]) -> None:
        try:
            await self._handling.work(partition, batch)
        except FencedError:
            if not partition.draining:  # an earlier assignment's leftovers are meant to be fenced
                raise
        finally:
            self._busy -= 1

    async def _claim(self, partition: Partition) -> None:
        attempt = 0
        while True:
            try:
                partition.claim = await self._sink.claim(partition.number)
            except Exception as error:
                attempt += 1
                self._troubles.set("sink", str(error))
                await asyncio.sleep(self._policy.outage.delay(attempt, self._random))
            else:
                self._troubles.clear("sink")
                return

    def _start_over(self, partition: Partition, offset: int) -> None:
        log.warning("partition %d went back to offset %d: its log was cut or made anew", partition.number, offset)
        partition.queue.discard(lambda _: True)
        partition.offsets = Offsets()
        partition.open = partition.bytes = 0
        partition.started = -1
        partition.attempts.clear()
        partition.outages.clear()
        if partition.claim is not None:  # what the sink has below its position is of the earlier log
            partition.claim = replace(partition.claim, position=None)
