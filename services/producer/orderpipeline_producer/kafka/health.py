"""Whether Kafka can take orders: by a look at its metadata now and then, and by what the client reports."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

GOOD_SECONDS: Final = 5.0
"""Pause between looks while Kafka answers; the next comes at once when the client reports an error."""
BAD_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


class KafkaHealth:
    """What is known of Kafka as of the last look. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._look_now = asyncio.Event()
        self.unreachable = "Kafka has not been reached yet"
        """Why Kafka can't be reached; empty when it can."""
        self.fatal = ""
        """Why the client can never send again; empty while it can."""

    def problem(self) -> str:
        """Why orders can't be accepted; empty when they can."""
        return self.fatal or self.unreachable

    def report(self, code: str, text: str, *, fatal: bool) -> None:
        """The client has had an error: look again at once. After a fatal one it can never send again."""
        if fatal:
            self.fatal = f"the Kafka client failed for good: {text}"
        self._look_now.set()
        _log.warning("kafka: %s", text, extra={"code": code, "fatal": fatal})

    async def watch(self, check: Callable[[], str]) -> None:
        """Look until cancelled. `check` gives what is wrong, or an empty string; it blocks, so it has a thread."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "kafka-health") as pool:
            while True:
                self._look_now.clear()
                found = await loop.run_in_executor(pool, check)
                if bool(found) != bool(self.unreachable):
                    _log.log(logging.WARNING if found else logging.INFO, found or "Kafka is reachable")
                self.unreachable = found
                if found:
                    await asyncio.sleep(BAD_SECONDS)
                    continue
                try:
                    async with asyncio.timeout(GOOD_SECONDS):
                        await self._look_now.wait()
                except TimeoutError:
                    pass
