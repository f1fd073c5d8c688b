"""A fixed number of consumers: enough for the busiest minute of the trace, or for its mean rate."""

import math

from bench.sim.scenario import Action, Observation, Scenario


class Static:
    """Requests `replicas` once and never changes them."""

    def __init__(self, replicas: int) -> None:
        self._replicas = replicas

    def act(self, observed: Observation) -> Action | None:
        return Action(self._replicas) if observed.replicas != self._replicas else None


def peak(scenario: Scenario) -> Static:
    """Enough for the busiest minute, which nobody knows in advance."""
    totals, minute = scenario.rates.sum(axis=1), max(round(60 / scenario.dt), 1)
    means = [totals[i : i + minute].mean() for i in range(0, totals.size, minute)]
    return Static(_for(max(means), scenario))


def mean(scenario: Scenario) -> Static:
    """Enough for the mean of the whole trace."""
    return Static(_for(float(scenario.rates.sum(axis=1).mean()), scenario))


def _for(rate: float, scenario: Scenario) -> int:
    return min(max(math.ceil(rate / scenario.capacity), 1), scenario.partitions)
