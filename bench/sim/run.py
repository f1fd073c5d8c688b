"""One policy on one trace, and what came of it."""

from dataclasses import dataclass

import numpy as np

from bench.sim.policies import Policy
from bench.sim.scenario import Floats, Scenario
from bench.sim.world import World

BEHIND = 10.0
"""Seconds of the mean arrivals that must wait for a backlog to be one."""
SUSTAINED = 60.0
"""Seconds of arrivals after which the ladder's floor is due."""


@dataclass(frozen=True)
class Result:
    """What a run showed. Times in seconds; `consumer_minutes` counts pods from the order for them until they go.

    `drain_s` is the longest time for which a backlog was there. `reversals_per_10min`: changes of direction.
    `r_score` is the flow interrupted by rebalances, in consumers' worth. `below_floor_min` are the minutes of sustained
    arrivals with fewer consumers asked for than one per three partitions.
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
    """The course of a run, per step: orders per second that arrive, orders that wait, consumers."""

    at: Floats
    arrival: Floats
    lag: Floats
    consumers: Floats


def play(scenario: Scenario, policy: Policy, rng: np.random.Generator) -> tuple[Result, Series]:
    """Run `policy` on `scenario`; all chance, beside what the trace holds, comes from `rng`."""
    world = World(scenario, rng)
    steps = scenario.rates.shape[0]
    lag, pods, asked = np.zeros(steps), np.zeros(steps), np.zeros(steps)
    for index in range(steps):
        move = policy.act(world.seen())
        if move is not None:
            world.move(move)
        world.step()
        lag[index], pods[index], asked[index] = world.backlog.lag.sum(), len(world.pods.ready_at), world.replicas
    world.backlog.close()
    arrival: Floats = scenario.rates.sum(axis=1)
    over, p99 = _ages(world.backlog.histogram, scenario.dt / 2, scenario.sla)
    result = Result(
        over_sla_pct=100 * over,
        p99_age_s=p99,
        drain_s=longest(lag > max(BEHIND * arrival.mean(), 1.0)) * scenario.dt,
        consumer_minutes=float(pods.sum()) * scenario.dt / 60,
        rebalances=float(world.group.rebalances),
        reversals_per_10min=reversals(asked) * 600 / scenario.seconds,
        r_score=world.group.moved_rate / scenario.capacity,
        below_floor_min=_below(asked, arrival, scenario),
    )
    return result, Series(np.arange(steps, dtype=np.float64) * scenario.dt, arrival, lag, pods)


def _ages(histogram: Floats, width: float, sla: float) -> tuple[float, float]:
    """Share of orders older than `sla`, and the age that one in a hundred exceeds."""
    total = histogram.sum()
    if not total:
        return 0.0, 0.0
    over = histogram[int(np.floor(sla / width)) + 1 :].sum() / total
    return float(over), float(np.searchsorted(histogram.cumsum(), 0.99 * total)) * width


def longest(true: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """The longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], true.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def reversals(asked: Floats) -> int:
    """Changes of direction of `asked`."""
    steps = np.sign(np.diff(asked))
    steps = steps[steps != 0]
    return int((steps[1:] != steps[:-1]).sum())


def _below(asked: Floats, arrival: Floats, scenario: Scenario) -> float:
    """Minutes below the ladder's floor while orders arrived without a break for SUSTAINED seconds."""
    window = max(round(SUSTAINED / scenario.dt), 1)
    flowing = np.convolve(arrival > 0, np.ones(window), mode="full")[: arrival.size] >= window
    return float((flowing & (asked < -(-scenario.partitions // 3))).sum()) * scenario.dt / 60
