"""How long the oldest order in flight has been waiting for Kafka."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from orderpipeline_producer.kafka.in_flight import InFlight

LOOK_SECONDS: Final = 0.5
"""How often the counts are looked at, and how much too low the age can be."""
MAX_LOOKS: Final = 4096
"""Looks that are remembered, half an hour of them; beyond that the age is too low."""


class InFlightAge:
    """Tells the age from counts that were seen over time: that costs nothing for each order.

    Orders are taken to complete in the sequence in which they were accepted. Where one partition's leader hangs while
    others answer, the age is too low.
    """

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._looks: deque[tuple[float, int]] = deque(maxlen=MAX_LOOKS)
        """Times, and how many orders had been accepted by then: more than have completed."""

    def look(self, now: float) -> None:
        """Remember how many orders have been accepted by `now`, in seconds of a monotonic clock."""
        self._forget_completed()
        accepted = self._in_flight.accepted
        if accepted > max(self._completed, self._looks[-1][1] if self._looks else 0):
            self._looks.append((now, accepted))

    def seconds(self, now: float) -> float:
        """The age; 0 while nothing is in flight."""
        self._forget_completed()
        return max(now - self._looks[0][0], 0.0) if self._looks else 0.0

    @property
    def _completed(self) -> int:
        return self._in_flight.acked + self._in_flight.failed

    def _forget_completed(self) -> None:
        while self._looks and self._looks[0][1] <= self._completed:
            self._looks.popleft()


async def watch_age(
    age: InFlightAge, add_counts: Callable[[], None], clock: Callable[[], float], turn: Callable[[], None]
) -> None:
    """Look at the counts until cancelled; `add_counts` is called before each look."""
    while True:
        turn()
        add_counts()
        age.look(clock())
        await asyncio.sleep(LOOK_SECONDS)
