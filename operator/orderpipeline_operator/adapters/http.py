"""An event loop in a thread of its own, for servers that must answer whatever the main loop is busy with."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class SideLoop:
    """Runs coroutines in another thread. Close it; servers are stopped by the coroutines that you run before."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it over there and wait for its result here."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def close(self) -> None:
        """End the loop and its thread."""
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(5.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        if not self._thread.is_alive():
            self._loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Heartbeat:
    """Shows from another thread whether a loop still turns. `clock` gives seconds that never go back."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()

    async def beat(self) -> None:
        """Run this in the loop that is watched."""
        while True:
            self._last = self._loop.time()
            await asyncio.sleep(1.0)

    def verdict(self) -> str:
        """Empty while the loop turns, else why it is taken for dead."""
        silent = self._loop.time() - self._last
        return "" if silent < self._limit else f"the main loop has not turned for {silent:.0f} s"
