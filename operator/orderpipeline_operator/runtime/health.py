"""What readiness and liveness are made of: servers that listen, and a loop that turns."""

import asyncio


class Gate:
    """Whether a server takes connections; opened and read in any thread. Open at first."""

    def __init__(self, reason: str) -> None:
        self._reason = reason
        self.open()

    def open(self) -> None:
        """It listens."""
        self._problem = ""

    def close(self) -> None:
        """It does not, or no more."""
        self._problem = self._reason

    def problem(self) -> str:
        """Empty while open, else the reason."""
        return self._problem


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

    def problem(self) -> str:
        """Empty while the loop turns, else why it is taken for dead."""
        silent = self._loop.time() - self._last
        return "" if silent < self._limit else f"the main loop has not turned for {silent:.0f} s"
