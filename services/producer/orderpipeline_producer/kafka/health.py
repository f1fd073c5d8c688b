"""Whether orders can be sent to Kafka: by regular requests for metadata and by the errors that the client reports."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from orderpipeline_producer.kafka.producer_client import NoAnswer

GOOD_SECONDS: Final = 5.0
"""Pause between two checks while Kafka answers. After an error of the client, the next check is immediate."""
BAD_SECONDS: Final = 1.0
IDLE_CHECKS: Final = 3
"""So many late answers in a row refuse orders although none is in flight. Fewer may be a pause of the brokers."""

_log = logging.getLogger(__name__)


class Counts(Protocol):
    """What became of orders, as in_flight.InFlight has it."""

    acked: int
    failed: int

    @property
    def bytes(self) -> int:
        """Bytes in flight."""


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

    async def watch(self, check: Callable[[], str], in_flight: Counts, turn: Callable[[], None]) -> None:
        """Check regularly until cancelled. `check` returns what is wrong, empty if nothing is; it runs in a thread."""
        loop = asyncio.get_running_loop()
        previous = current = in_flight.acked, in_flight.failed
        late_in_a_row = 0
        with ThreadPoolExecutor(1, "kafka-health") as pool:
            while True:
                turn()
                self._check_now.clear()
                previous, current = current, (in_flight.acked, in_flight.failed)
                answer = await loop.run_in_executor(pool, check)
                # Text of no other type, which is all that replies are encoded from.
                found, late = str(answer), isinstance(answer, NoAnswer)
                late_in_a_row = late_in_a_row + 1 if late else 0
                # Busy or rolling brokers may be late with metadata. What has become of orders since the check before
                # this one says more about what will become of others.
                acked, failed = in_flight.acked - previous[0], in_flight.failed - previous[1]
                idle = not (in_flight.bytes or failed or self.unreachable) and late_in_a_row < IDLE_CHECKS
                if late and (acked or idle):
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
