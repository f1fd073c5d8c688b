"""Scaling policies, each with one method: `act(observed)`, called at every step, returns an `Action` or None."""

from typing import Protocol

from bench.sim.scenario import Action, Floats, Observation


class Policy(Protocol):
    """One scaling policy, with its state."""

    def act(self, observed: Observation) -> Action | None:
        """What to do at `observed.now`; None: nothing."""


class Clock:
    """Fires every `period` seconds from `first` on, at steps that may be longer."""

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
    """Each partition's arrival rate between two observations."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._ends: Floats | None = None

    def since_last(self, observed: Observation) -> Floats | None:
        """Orders per second since the last observation; None at the first."""
        rates = None
        if self._ends is not None and self._at is not None and observed.now > self._at:
            rates = (observed.ends - self._ends) / (observed.now - self._at)
        self._at, self._ends = observed.now, observed.ends.copy()
        return rates
