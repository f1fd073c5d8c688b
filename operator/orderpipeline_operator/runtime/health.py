"""What readiness and liveness depend on: servers that listen, and a loop that is running."""

import asyncio


class Gate:
    """Whether a server accepts connections; opened and read from any thread. Open at first."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self.open()

    def open(self) -> None:
        """The server listens."""
        self._problem = ""

    def close(self) -> None:
        """The server does not listen."""
        self._problem = self._reason

    def problem(self) -> str:
        """Empty while open, otherwise the reason."""
        return self._problem


class Heartbeat:
    """Shows from another thread whether a loop is still running."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()

    async def beat(self) -> None:
        """Run this in the monitored loop."""
        while True:
            self._last = self._loop.time()
            await asyncio.sleep(1.0)

    def problem(self) -> str:
        """Empty while the loop is running, otherwise why it counts as dead."""
        silent = self._loop.time() - self._last
        return "" if silent < self._limit else f"the main loop has not run for {silent:.0f} s"
