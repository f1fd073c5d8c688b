"""The dispatcher as the poll loop's thread sees it: every call goes through the event loop."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from orderpipeline_consumer.processing.dispatcher import Dispatcher
from orderpipeline_consumer.processing.partition import AssignedPartition
from orderpipeline_consumer.records.batch import Entry

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 2.0
"""Added to the time of a drain for the event loop to answer."""


class DispatcherProxy:
    """`dispatcher` runs on `loop`; all methods here are for another thread. `on_failure` is called, on the loop, with
    what a call raised that nobody waits for."""

    def __init__(
        self, dispatcher: Dispatcher, loop: asyncio.AbstractEventLoop, on_failure: Callable[[Exception], None]
    ) -> None:
        self._dispatcher = dispatcher
        self._loop = loop
        self._on_failure = on_failure

    def assign(self, partition: AssignedPartition) -> None:
        """Add a partition. Returns at once."""
        self._loop.call_soon_threadsafe(self._reported, partial(self._dispatcher.assign, partition))

    def receive(self, entries: Mapping[AssignedPartition, Sequence[Entry]]) -> None:
        """Queue batches. Returns at once."""
        self._loop.call_soon_threadsafe(self._reported, partial(self._receive, entries))

    def drain(self, partitions: Sequence[AssignedPartition], seconds: float) -> None:
        """Return when what is in flight has finished or was cancelled, or when the event loop does not answer."""
        future = asyncio.run_coroutine_threadsafe(self._dispatcher.drain(partitions, seconds), self._loop)
        try:
            future.result(seconds + GRACE_SECONDS)
        except TimeoutError:
            future.cancel()
            log.warning(
                "the event loop did not answer within %.0f s; is a handler blocking it?", seconds + GRACE_SECONDS
            )

    def remove(self, partitions: Sequence[AssignedPartition]) -> None:
        """Forget partitions. Returns at once."""
        asyncio.run_coroutine_threadsafe(self._remove(partitions), self._loop)

    async def _remove(self, partitions: Sequence[AssignedPartition]) -> None:
        try:
            await self._dispatcher.remove(partitions)
        except Exception as error:
            self._on_failure(error)

    def _reported(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:
            self._on_failure(error)

    def _receive(self, entries: Mapping[AssignedPartition, Sequence[Entry]]) -> None:
        for partition, received in entries.items():
            self._dispatcher.receive(partition, received)
