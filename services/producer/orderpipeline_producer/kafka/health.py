"""Whether orders can be sent to Kafka: by regular requests for metadata and by the errors that the client reports."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from orderpipeline_producer.kafka.producer_client import NoAnswer

GOOD_SECONDS: Final = 5.0
"""Pause between two checks while Kafka answers. After an error of the client, the next check is immediate."""
BAD_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


class KafkaHealth:
    """The state of Kafka as of the last check. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._check_now = asyncio.Event()
        self.unreachable = "Kafka has not been reached yet"
        """Why Kafka can't be reached; empty if it can."""
        self.fatal = ""
        """Why the client can't send any more; empty if it can."""

    def problem(self) -> str:
        """Why orders can't be sent; empty if they can."""
        return self.fatal or self.unreachable

    def report(self, code: str, text: str, *, fatal: bool | None = None) -> None:
        """Record an error of the client and check at once. `fatal`: the client can't send any more; a new one can."""
        if fatal is not None:
            self.fatal = f"the Kafka client failed for good: {text}" if fatal else ""
        self._check_now.set()
        _log.warning("kafka: %s", text, extra={"code": code, "fatal": fatal})

    async def watch(self, check: Callable[[], str], acknowledged: Callable[[], int], turn: Callable[[], None]) -> None:
        """Check regularly until cancelled. `check` returns what is wrong, empty if nothing is; it runs in a thread.
        `acknowledged` returns how many orders Kafka has acknowledged so far.
        """
        loop = asyncio.get_running_loop()
        previous = current = acknowledged()
        with ThreadPoolExecutor(1, "kafka-health") as pool:
            while True:
                turn()
                self._check_now.clear()
                previous, current = current, acknowledged()
                answer = await loop.run_in_executor(pool, check)
                # Text of no other type, which is all that replies are encoded from.
                found, late = str(answer), isinstance(answer, NoAnswer)
                if late and acknowledged() > previous:
                    # Busy or rolling brokers may be late with metadata. Orders that were acknowledged since the check
                    # before this one say more about whether others will be.
                    found = ""
                if bool(found) != bool(self.unreachable):
                    _log.log(logging.WARNING if found else logging.INFO, found or "Kafka is reachable")
                self.unreachable = found
                if found or late:
                    await asyncio.sleep(BAD_SECONDS)
                    continue
                try:
                    async with asyncio.timeout(GOOD_SECONDS):
                        await self._check_now.wait()
                except TimeoutError:
                    pass
