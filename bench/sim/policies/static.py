"""A fixed number of consumers: for the busiest minute of the trace, or for its mean."""

import math

from bench.sim.scenario import Move, Scenario, Seen


class Static:
    """Asks for `replicas` once and never again."""

    def __init__(self, replicas: int) -> None:
        self._replicas = replicas

    def act(self, seen: Seen) -> Move | None:
        return Move(self._replicas) if seen.replicas != self._replicas else None


def peak(scenario: Scenario) -> Static:
    """Enough for the busiest minute, which nobody knows beforehand."""
    totals, minute = scenario.rates.sum(axis=1), max(round(60 / scenario.dt), 1)
    means = [totals[i : i + minute].mean() for i in range(0, totals.size, minute)]
    return Static(_for(max(means), scenario))


def mean(scenario: Scenario) -> Static:
    """Enough for the mean of the whole trace."""
    return Static(_for(float(scenario.rates.sum(axis=1).mean()), scenario))


def _for(rate: float, scenario: Scenario) -> int:
    return min(max(math.ceil(rate / scenario.capacity), 1), scenario.partitions)
