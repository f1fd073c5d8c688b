"""Looks after what changes around the process: whether Kafka answers, and the API keys in their folder."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from orderpipeline_producer.api.auth import ApiKeys, load_keys

GOOD_SECONDS: Final = 5.0
"""Pause between looks while Kafka answers; the next comes at once when the client reports an error."""
BAD_SECONDS: Final = 1.0
KEYS_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class KafkaWatch:
    """Whether Kafka can take orders, as of the last look."""

    def __init__(self, check: Callable[[], str]) -> None:
        self._check = check
        self._now = asyncio.Event()
        self.down = "Kafka has not been reached yet"
        """Why Kafka can't be reached; empty when it can."""

    def look(self) -> None:
        """Look again at once: something failed."""
        self._now.set()

    async def run(self) -> None:
        """Look until cancelled. The look itself blocks, so it has a thread of its own."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "kafka-watch") as pool:
            while True:
                self._now.clear()
                down = await loop.run_in_executor(pool, self._check)
                if bool(down) != bool(self.down):
                    _log.log(logging.WARNING if down else logging.INFO, down or "Kafka is reachable")
                self.down = down
                if down:
                    await asyncio.sleep(BAD_SECONDS)
                    continue
                try:
                    async with asyncio.timeout(GOOD_SECONDS):
                        await self._now.wait()
                except TimeoutError:
                    pass


async def watch_keys(folder: Path, keys: ApiKeys, told: set[str]) -> None:
    """Read the keys again every few seconds until cancelled; on an error the last good ones stay in use."""
    while True:
        await asyncio.sleep(KEYS_SECONDS)
        try:
            if keys.replace(load_keys(folder, told)):
                _log.info("API keys changed")
        except OSError as error:
            _log.error("can't read the API keys in %s, the last ones stay in use: %s", folder, error)
