"""Whether cluster and simulator agree: the trace that was measured on a cluster, played in the simulator."""

from statistics import median
from typing import Any

import numpy as np

from bench.sim.policies.ours import Ours, policy_of
from bench.sim.record import Record
from bench.sim.run import Series, longest, play
from bench.sim.scenario import Scenario

SEEDS = 30
BEFORE = 30
"""Seconds without orders before the first one: the operator has known the pipeline for some time then."""
TRAILING = 3.0
"""Seconds of the mean arrivals that must wait for a backlog to be one: what consumers have in hand is less."""


def scenario_of(record: Record) -> Scenario:
    """The same orders, of the partitions that they were of, and consumers as they were there."""
    total = np.concatenate([np.zeros(BEFORE), np.asarray(record.sent, dtype=np.float64)])
    return Scenario(
        name="cluster",
        dt=1.0,
        rates=np.outer(total, np.asarray(record.shares)),
        capacity=record.capacity,
        away=np.zeros(total.size, dtype=np.bool_),
        initial=record.initial,
        start_up=median(record.start_ups),
        start_ups=record.start_ups,
        autoscaling=record.autoscaling,
        workers=record.workers,
    )


def simulate(record: Record, seed: int) -> Series:
    """One run of the operator's decision on the record's trace; `seed` chooses when the HPA looks."""
    scenario, rng = scenario_of(record), np.random.default_rng(seed)
    policy = Ours(policy_of(scenario), record.initial, float(rng.uniform(0, record.hpa_sync_s)), record.hpa_sync_s)
    run = play(scenario, policy, rng)[1]
    return Series(run.at[:-BEFORE], run.arrival[BEFORE:], run.lag[BEFORE:], run.consumers[BEFORE:])


def figures(sent: Any, waiting: Any, consumers: Any) -> tuple[float, float]:
    """Consumer-minutes, and the longest time in seconds with a backlog, of a course by the second."""
    behind = np.asarray(waiting) > TRAILING * float(np.mean(np.asarray(sent)))
    return float(np.sum(consumers)) / 60, float(longest(behind))


def compare(record: Record) -> dict[str, float]:
    """By how many per cent the simulator's means are from what was measured."""
    minutes, drain = figures(record.sent, record.waiting, record.consumers)
    runs = [simulate(record, seed) for seed in range(SEEDS)]
    simulated = np.mean([figures(record.sent, run.lag, run.consumers) for run in runs], axis=0)
    return {
        "consumer_minutes_diff_pct": round(100 * (float(simulated[0]) / minutes - 1), 1),
        "drain_diff_pct": round(100 * (float(simulated[1]) / drain - 1), 1),
    }
