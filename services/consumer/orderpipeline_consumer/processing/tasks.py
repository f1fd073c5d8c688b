"""The dispatcher's background tasks, and which partition each one works for."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from orderpipeline_consumer.processing.partition import AssignedPartition

Work = Coroutine[Any, Any, None]


class PartitionTasks:
    """Keeps `AssignedPartition.running`, the work that a drain waits for. `on_end` is called after each task,
    `on_failure` with what a task raised."""

    def __init__(self, on_end: Callable[[], None], on_failure: Callable[[Exception], None]) -> None:
        self._on_end = on_end
        self._on_failure = on_failure
        self._partitions: dict[asyncio.Task[None], AssignedPartition | None] = {}
        self._progress = asyncio.Event()

    def start(self, work: Work, partition: AssignedPartition | None = None, *, drained: bool = True) -> None:
        """Run in the background, for `partition` or for those that `enter` names. A drain waits for it if `drained`."""
        task = asyncio.get_running_loop().create_task(work)
        self._partitions[task] = partition
        if partition is not None:
            partition.running += drained

        def ended(task: asyncio.Task[None]) -> None:
            partition = self._partitions.pop(task)
            if partition is not None:
                partition.running -= drained
            self._progress.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                self._on_failure(error if isinstance(error, Exception) else RuntimeError(repr(error)))
            self._on_end()

        task.add_done_callback(ended)

    def enter(self, task: asyncio.Task[None], partition: AssignedPartition) -> None:
        """The task works for `partition` until `leave`, or until it ends."""
        self._partitions[task] = partition
        partition.running += 1

    def leave(self, task: asyncio.Task[None], partition: AssignedPartition) -> None:
        """The task no longer works for `partition`."""
        self._partitions[task] = None
        partition.running -= 1
        self._progress.set()

    async def sleep(self, partition: AssignedPartition, seconds: float) -> None:
        """Sleep within a task of `partition`, without making a drain wait."""
        partition.running -= 1
        try:
            await asyncio.sleep(seconds)
        finally:
            partition.running += 1

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return once `condition` holds; it is checked whenever a task makes progress."""
        while not condition():
            self._progress.clear()
            await self._progress.wait()

    async def cancel(self, partitions: Collection[AssignedPartition]) -> None:
        """Cancel the tasks that work for these partitions, and wait until they have ended."""
        tasks = [task for task, partition in self._partitions.items() if partition in partitions]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
