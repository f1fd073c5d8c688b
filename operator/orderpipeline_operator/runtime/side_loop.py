"""An event loop in its own thread, for servers that must answer no matter what the main loop is doing."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from orderpipeline_common.background import Background, beat
from orderpipeline_common.supervision import Activity, Rule

T = TypeVar("T")


class SideLoop:
    """Runs coroutines in another thread. Close it when done, after stopping the servers that it runs."""

    def __init__(self, background: Background, rule: Rule) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = threading.Event()
        self._thread = background.thread(rule, self._run, self._stop)

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it in that thread and await its result in this one."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def close(self, seconds: float = 5.0) -> None:
        """End the loop and its thread. A loop that does not respond within `seconds` ends with the process."""
        if not self._stop.is_set():  # once: a second stop would end the loop before it has cancelled its tasks
            self._stop.set()
            if self._thread.is_alive():
                self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(seconds)
        if not self._thread.is_alive():
            self._loop.close()

    def _run(self, activity: Activity) -> None:
        self._loop.create_task(beat(activity))
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(_cancel_all())


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
