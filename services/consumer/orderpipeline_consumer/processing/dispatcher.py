"""Hands the received orders to the sink, customers side by side, and keeps account of what is finished.

Runs on the event loop. The Kafka thread calls `assign`, `receive`, `drain` and `remove` through the loop and reads
positions."""

import asyncio
import logging
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Final

from orderpipeline_consumer.degradations import Troubles
from orderpipeline_consumer.errors import FencedError
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.dead_letters import DeadLetters
from orderpipeline_consumer.processing.handling import Handling, Policy
from orderpipeline_consumer.processing.partition import Partition
from orderpipeline_consumer.records.batch import Lot, Part
from orderpipeline_consumer.records.offsets import Offsets
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.sinks.base import Sink

log = logging.getLogger(__name__)

TURN_SECONDS: Final = 0.005
"""How long workers may go on from batch to batch before the event loop gets its turn."""


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
        self._side_by_side = sink.side_by_side
        metrics.open.set_function(lambda: sum(partition.open for partition in self._turn))
        self._turn: deque[Partition] = deque()
        self._tasks: dict[asyncio.Task[None], Partition | None] = {}
        self._busy = 0
        self._progress = asyncio.Event()

    def assign(self, partition: Partition) -> None:
        """Take a partition on; the sink is asked where to go on until it answers."""
        self._turn.append(partition)
        self._start(partition, self._claim(partition), counts=False)

    def receive(self, partition: Partition, entries: Sequence[Lot | int]) -> None:
        """Queue records in the order of their offsets; a bare number is the end that the partition has for now."""
        lots = [entry for entry in entries if not isinstance(entry, int)]
        if partition.claim is None and not partition.draining:
            partition.early += entries
            partition.bytes += sum(lot.size(0, len(lot)) for lot in lots)
            return
        partition.received += sum(map(len, lots))
        if partition.draining:
            return  # also not the end of the partition: it lies behind records that were not taken
        for entry in entries:
            if isinstance(entry, int):
                partition.offsets.reached(entry)
            else:
                self._receive(partition, entry)
        self._pump()

    def _receive(self, partition: Partition, lot: Lot) -> None:
        first = lot.offset(0)
        if partition.offsets.edge is not None and first < partition.offsets.edge:
            self._start_over(partition, first)
        done = partition.claim.position if partition.claim is not None else None
        skip = 0
        if done is not None and first < done:  # the sink has it: only the commit was lost
            skip = bisect_left(range(len(lot)), done, key=lot.offset)
            partition.offsets.reached(lot.offset(skip - 1) + 1)
        if skip < len(lot):
            partition.receive(Part(lot, skip, len(lot)))

    async def drain(self, partitions: Sequence[Partition], seconds: float) -> None:
        """Finish what is under way, within `seconds`, then cancel the rest.

        What was not begun is dropped, unless orders behind it were: those would then be handled twice.
        """
        for partition in partitions:
            partition.draining = True
            partition.lots.clear()
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
            partition.lots.clear()
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
        """Start a worker if one is free and there is work, and another one after it has begun: until its handler waits
        for something there is nothing to be gained from a second one."""
        if self._busy < self._policy.workers and any(map(self._may_take, self._turn)):
            self._busy += 1
            self._start(None, self._work())

    def _next(self) -> tuple[Partition, Sequence[Record]] | None:
        """A batch of the next partition that has one, partitions in turn."""
        for _ in range(len(self._turn)):
            partition = self._turn[0]
            self._turn.rotate(-1)
            if self._may_take(partition):
                batch = partition.take(self._policy.batch_size)
                if batch:
                    return partition, batch
        return None

    def _may_take(self, partition: Partition) -> bool:
        return partition.ready and (self._side_by_side or not partition.running)

    def _spawn(self, partition: Partition, work: Coroutine[Any, Any, None]) -> None:
        partition.running += 1
        self._start(partition, work)

    def _start(self, partition: Partition | None, work: Coroutine[Any, Any, None], *, counts: bool = True) -> None:
        """Run in the background, for a partition or for those that it takes up itself; a drain waits for what
        counts."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = partition

        def ended(task: asyncio.Task[None]) -> None:
            partition = self._tasks.pop(task)
            if partition is not None:
                partition.running -= counts
            self._progress.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                self._on_failure(error if isinstance(error, Exception) else RuntimeError(repr(error)))
            self._pump()

        task.add_done_callback(ended)

    async def _work(self) -> None:
        """A worker: one batch after the other, of whatever partition, until there is none."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        began = loop.time()
        try:
            loop.call_soon(self._pump)  # once this one waits or ends
            while (found := self._next()) is not None:
                partition, batch = found
                self._tasks[task] = partition
                partition.running += 1
                try:
                    await self._handling.work(partition, batch)
                except FencedError:
                    if not partition.draining:  # an earlier assignment's leftovers are meant to be fenced
                        raise
                self._tasks[task] = None
                partition.running -= 1
                self._progress.set()
                if loop.time() - began > TURN_SECONDS:  # a handler that never waits must not keep others from the loop
                    await asyncio.sleep(0)
                    began = loop.time()
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
                entries, partition.early, partition.bytes = partition.early, [], 0
                self.receive(partition, entries)
                return

    def _start_over(self, partition: Partition, offset: int) -> None:
        log.warning("partition %d went back to offset %d: its log was cut or made anew", partition.number, offset)
        partition.lots.clear()
        partition.queue.discard(lambda _: True)
        partition.offsets = Offsets()
        partition.open = partition.bytes = 0
        partition.started = -1
        partition.attempts.clear()
        partition.outages.clear()
        if partition.claim is not None:  # what the sink has below its position is of the earlier log
            partition.claim = replace(partition.claim, position=None)
