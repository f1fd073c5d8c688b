"""Runs one policy on one trace and measures the outcome."""

from dataclasses import dataclass

import numpy as np

from bench.sim.policies import Policy
from bench.sim.scenario import Floats, Scenario
from bench.sim.simulation import Simulation

BACKLOG_SECONDS = 10.0
"""Only more than this many seconds' worth of mean arrivals counts as a backlog."""
SUSTAINED = 60.0
"""Seconds of arrivals after which the minimum for sustained load applies."""


@dataclass(frozen=True)
class Result:
    """The outcome of a run. Times are in seconds; `consumer_minutes` counts pods from their creation to their deletion.

    `drain_s` is the longest time with a backlog, `reversals_per_10min` the changes of direction. `r_score` is the
    arrival rate interrupted by rebalances, in consumers' capacity. `below_floor_min` is the minutes of sustained
    arrivals with fewer replicas requested than one per three partitions.
    """

    over_sla_pct: float
    p99_age_s: float
    drain_s: float
    consumer_minutes: float
    rebalances: float
    reversals_per_10min: float
    r_score: float
    below_floor_min: float


@dataclass(frozen=True)
class Series:
    """A run as time series, per step: orders/s arriving, orders waiting, consumers."""

    at: Floats
    arrival: Floats
    lag: Floats
    consumers: Floats


def play(scenario: Scenario, policy: Policy, rng: np.random.Generator) -> tuple[Result, Series]:
    """Run `policy` on `scenario`; all randomness apart from the trace comes from `rng`."""
    simulation = Simulation(scenario, rng)
    steps = scenario.rates.shape[0]
    lag, pods, requested = np.zeros(steps), np.zeros(steps), np.zeros(steps)
    for index in range(steps):
        action = policy.act(simulation.observe())
        if action is not None:
            simulation.apply(action)
        simulation.step()
        lag[index], pods[index], requested[index] = (
            simulation.backlog.lag.sum(),
            len(simulation.pods.ready_at),
            simulation.replicas,
        )
    simulation.backlog.close()
    arrival: Floats = scenario.rates.sum(axis=1)
    over, p99 = _ages(simulation.backlog.histogram, scenario.dt / 2, scenario.sla)
    result = Result(
        over_sla_pct=100 * over,
        p99_age_s=p99,
        drain_s=longest(lag > max(BACKLOG_SECONDS * arrival.mean(), 1.0)) * scenario.dt,
        consumer_minutes=float(pods.sum()) * scenario.dt / 60,
        rebalances=float(simulation.group.rebalances),
        reversals_per_10min=reversals(requested) * 600 / scenario.seconds,
        r_score=simulation.group.moved_rate / scenario.capacity,
        below_floor_min=_below(requested, arrival, scenario),
    )
    return result, Series(np.arange(steps, dtype=np.float64) * scenario.dt, arrival, lag, pods)


def _ages(histogram: Floats, width: float, sla: float) -> tuple[float, float]:
    """The share of orders older than `sla`, and the 99th percentile of the ages."""
    total = histogram.sum()
    if not total:
        return 0.0, 0.0
    over = histogram[int(np.floor(sla / width)) + 1 :].sum() / total
    return float(over), float(np.searchsorted(histogram.cumsum(), 0.99 * total)) * width


def longest(true: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """The longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], true.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def reversals(requested: Floats) -> int:
    """Changes of direction in `asked`."""
    steps = np.sign(np.diff(requested))
    steps = steps[steps != 0]
    return int((steps[1:] != steps[:-1]).sum())


def _below(requested: Floats, arrival: Floats, scenario: Scenario) -> float:
    """Minutes below the minimum for sustained load, once orders have arrived for SUSTAINED seconds without a break."""
    window = max(round(SUSTAINED / scenario.dt), 1)
    flowing = np.convolve(arrival > 0, np.ones(window), mode="full")[: arrival.size] >= window
    return float((flowing & (requested < -(-scenario.partitions // 3))).sum()) * scenario.dt / 60
