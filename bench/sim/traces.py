"""The traces: what arrives where and when. Each is a function of a random generator: same seed, same trace."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from zlib import crc32

import numpy as np

from bench.sim.scenario import CLASSIC, Floats, Scenario
from orderpipeline_embedded.demo.cdnow import Purchase

Maker = Callable[[np.random.Generator], Scenario]
DT = 2.5
"""Seconds per step; all relevant periods are multiples of it."""


def landau(rng: np.random.Generator, delta: int) -> Scenario:
    """Landau's sequences: 32 partitions, each one's rate walks by up to `delta` a measurement between 0 and 100.

    100 measurements, 30 s apart. One consumer does 133; the paper's packing fills it to 100.
    """
    measured, seconds, dt = 100, 30, DT
    speeds = np.empty((measured, 32))
    speeds[0] = rng.uniform(0, 100, 32)
    for i in range(1, measured):
        speeds[i] = np.clip(speeds[i - 1] + rng.uniform(-delta, delta, 32), 0, 100)
    return _scenario(f"landau-{delta}", dt, speeds.repeat(int(seconds / dt), axis=0), capacity=133.0)


def day(rng: np.random.Generator) -> Scenario:
    """A day on 500 partitions: 300,000 orders a second at night, a million in the evening, with noise and skew.

    It begins at four in the morning and passes in 6 hours, so that rates change four times as fast as they would.
    """
    dt, partitions, speed = 15.0, 500, 4
    hours = 4 + np.arange(0, 24 * 3600, dt * speed) / 3600
    # One wave with its peak at 20 h, a smaller one at noon; scaled to the two ends.
    shape = np.cos((hours - 20) / 24 * 2 * np.pi) + 0.35 * np.cos((hours - 13) / 12 * 2 * np.pi)
    shape = (shape - shape.min()) / (shape.max() - shape.min())
    total = (300_000 + 700_000 * shape) * (1 + _wander(rng, hours.size, dt, 0.03, 300))
    scenario = _scenario("day", dt, np.outer(total, _weights(rng, partitions, 0.1)), capacity=5_000.0)
    # A step is as long as three polls are by default; nothing else is different.
    return replace(scenario, autoscaling={**scenario.autoscaling, "pollInterval": "15s"})


def flash(rng: np.random.Generator) -> Scenario:
    """An hour on 120 partitions at 3,000 orders a second; three crowds make it 2 to 3.3 times that for 2 to 8 min."""
    dt, steps = DT, round(3600 / DT)
    at = np.arange(steps) * dt
    total = np.full(steps, 3_000.0)
    for start in (600, 1500, 2400):
        begin, length = start + rng.uniform(0, 240), rng.uniform(120, 480)
        crowd = 3_000 * rng.uniform(1, 2.3)
        # It builds up within 20 seconds and fades within a minute.
        total += crowd * np.clip((at - begin) / 20, 0, 1) * np.clip((begin + length + 60 - at) / 60, 0, 1)
    total *= 1 + _wander(rng, steps, dt, 0.03, 60)
    return _scenario("flash", dt, np.outer(total, _weights(rng, 120, 0.1)), capacity=100.0)


def flash_classic(rng: np.random.Generator) -> Scenario:
    """The same with the classic group protocol, in which each rebalance stops all."""
    return replace(flash(rng), name="flash-classic", protocol=CLASSIC)


def outage(rng: np.random.Generator) -> Scenario:
    """An hour on 120 partitions at 3,500 orders a second; for 5 minutes no broker answers.

    Clients keep their orders and send them in the two minutes after the outage, in addition to the usual ones.
    """
    dt, steps = DT, round(3600 / DT)
    total = 3_500.0 * (1 + _wander(rng, steps, dt, 0.03, 60))
    at, begin = np.arange(steps) * dt, 1200 + rng.uniform(0, 300)
    away = (at >= begin) & (at < begin + 300)
    after = (at >= begin + 300) & (at < begin + 420)
    total[after] += total[away].sum() / after.sum()
    total[away] = 0.0
    scenario = _scenario("outage", dt, np.outer(total, _weights(rng, 120, 0.1)), capacity=100.0)
    return replace(scenario, away=away)


def cdnow(rng: np.random.Generator, orders: Sequence[Purchase]) -> Scenario:
    """CDNOW's own 18 months in an hour, on 24 partitions by customer; within a day at random times.

    One consumer does 4 orders a second. Each customer's orders are on the partition that the key gives.
    """
    dt, steps, partitions = DT, round(3600 / DT), 24
    days = np.array([date.fromisoformat(f"{o.date[:4]}-{o.date[4:6]}-{o.date[6:8]}").toordinal() for o in orders])
    where = np.array([crc32(o.customer_id.encode()) % partitions for o in orders])
    at = (days - days.min() + rng.uniform(0, 1, days.size)) / (days.max() - days.min() + 1) * steps * dt
    rates = np.zeros((steps, partitions))
    np.add.at(rates, (np.minimum((at / dt).astype(int), steps - 1), where), 1 / dt)
    return _scenario("cdnow", dt, rates, capacity=4.0)


def _scenario(name: str, dt: float, rates: Floats, capacity: float) -> Scenario:
    steps, partitions = rates.shape
    return Scenario(
        name=name, dt=dt, rates=rates, capacity=capacity, away=np.zeros(steps, dtype=np.bool_),
        initial=-(-partitions // 3), autoscaling={"max": partitions},
    )  # fmt: skip


def _weights(rng: np.random.Generator, partitions: int, sigma: float) -> Floats:
    """Shares of the flow, log-normal around even."""
    weights = np.exp(rng.normal(0, sigma, partitions))
    return np.asarray(weights / weights.sum())


def _wander(rng: np.random.Generator, steps: int, dt: float, sigma: float, tau: float) -> Floats:
    """Noise of standard deviation `sigma` that forgets itself in `tau` seconds."""
    keep = np.exp(-dt / tau)
    noise = rng.normal(0, sigma * np.sqrt(1 - keep**2), steps)
    out = np.empty(steps)
    value = rng.normal(0, sigma)
    for i in range(steps):
        value = keep * value + noise[i]
        out[i] = value
    return out
