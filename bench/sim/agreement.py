"""Whether cluster and simulator agree: plays the trace that was measured on a cluster in the simulator."""

from statistics import median
from typing import Any

import numpy as np

from bench.sim.policies.ours import Ours, policy_of
from bench.sim.record import Record
from bench.sim.run import Series, longest, play
from bench.sim.scenario import Scenario

SEEDS = 30
LEAD_IN = 30
"""Seconds without orders before the first one, in which the operator gets to know the pipeline."""
BACKLOG_SECONDS = 3.0
"""Only more than this many seconds' worth of mean arrivals counts as a backlog; orders in processing are fewer."""


def scenario_of(record: Record) -> Scenario:
    """The recorded orders by partition, with the recorded consumers."""
    total = np.concatenate([np.zeros(LEAD_IN), np.asarray(record.sent, dtype=np.float64)])
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
    """Play the record's trace with the operator's decisions; `seed` selects the HPA's phase."""
    scenario, rng = scenario_of(record), np.random.default_rng(seed)
    policy = Ours(policy_of(scenario), record.initial, float(rng.uniform(0, record.hpa_sync_s)), record.hpa_sync_s)
    run = play(scenario, policy, rng)[1]
    return Series(run.at[:-LEAD_IN], run.arrival[LEAD_IN:], run.lag[LEAD_IN:], run.consumers[LEAD_IN:])


def figures(sent: Any, waiting: Any, consumers: Any) -> tuple[float, float]:
    """Consumer-minutes and the longest backlog in seconds, from series by the second."""
    behind = np.asarray(waiting) > BACKLOG_SECONDS * float(np.mean(np.asarray(sent)))
    return float(np.sum(consumers)) / 60, float(longest(behind))


def compare(record: Record, seeds: int = SEEDS) -> dict[str, float]:
    """The difference between the simulator's means over `seeds` runs and the measurement, in per cent."""
    minutes, drain = figures(record.sent, record.waiting, record.consumers)
    runs = [simulate(record, seed) for seed in range(seeds)]
    simulated = np.mean([figures(record.sent, run.lag, run.consumers) for run in runs], axis=0)
    return {
        "consumer_minutes_diff_pct": round(100 * (float(simulated[0]) / minutes - 1), 1),
        "drain_diff_pct": round(100 * (float(simulated[1]) / drain - 1), 1),
    }
