"""Ways of scaling, each behind one method: `act(seen)`, called at every step, gives a `Move` or None."""

from typing import Protocol

from bench.sim.scenario import Floats, Move, Seen


class Policy(Protocol):
    """One way of scaling, with what it remembers."""

    def act(self, seen: Seen) -> Move | None:
        """What to do at `seen.now`; None: nothing."""


class Clock:
    """Whether it is time again: every `period` seconds from `first` on, at steps that may be longer."""

    def __init__(self, period: float, first: float = 0.0) -> None:
        self._period = period
        self._next = first

    def due(self, now: float) -> bool:
        if now + 1e-9 < self._next:
            return False
        while self._next <= now + 1e-9:
            self._next += self._period
        return True


class Rates:
    """Arrival rate of each partition between two looks."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._ends: Floats | None = None

    def take(self, seen: Seen) -> Floats | None:
        """Orders per second since the last look; None at the first."""
        rates = None
        if self._ends is not None and self._at is not None and seen.now > self._at:
            rates = (seen.ends - self._ends) / (seen.now - self._at)
        self._at, self._ends = seen.now, seen.ends.copy()
        return rates
