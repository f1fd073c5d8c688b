"""An event loop in its own thread, for servers that must answer no matter what the main loop is doing."""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from orderpipeline_operator.runtime.health import Gate

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class SideLoop:
    """Runs coroutines in another thread. Close it when done, after stopping the servers that it runs."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it in that thread and await its result in this one."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def close(self, seconds: float = 5.0) -> None:
        """End the loop and its thread. A loop that does not respond within `seconds` ends with the process."""
        try:
            asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(seconds)
        except TimeoutError:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(seconds)
        if not self._thread.is_alive():
            self._loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def serve_for_ever(
    side: SideLoop, serve: Callable[[], Coroutine[Any, Any, None]], gate: Gate, pause: float = 5.0
) -> None:
    """Serve in that thread; whatever ends it is logged, and it is restarted after `pause` seconds."""
    while True:
        try:
            await side.run(serve())
        except Exception as error:  # not even a bug may leave a process that serves nothing
            LOG.warning("a server ended and is restarted: %r", error)
        finally:
            gate.close()
        await asyncio.sleep(pause)
