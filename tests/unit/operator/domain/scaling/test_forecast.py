"""What is likely to arrive soon, and the consumers that are there before it."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.forecast import Forecast, Horizon, ahead, learn
from orderpipeline_operator.domain.scaling.state import ScalingState
from tests.unit.operator.domain.scaling.samples import POLICY, follow, remember, runs, sample

DAY = Horizon(86400.0, 600.0)
SLOT = 900.0


def day(hour: float) -> float:
    """Orders per second: quiet nights, 500 at noon."""
    return max(0.0, 500 * math.sin((hour - 6) / 12 * math.pi))


def learned(days: float, rate=day) -> tuple[Forecast, float]:
    known, now = None, 0.0
    while now < days * 86400:
        now += 60
        known = learn(known, DAY, rate(now / 3600 % 24), 60.0, now)
    return known, now


def test_the_forecast_knows_the_day_after_one_day_and_follows_its_growth():
    known, now = learned(0.9)
    assert ahead(known, DAY, now) is None, "nothing before a whole season"
    known, now = learned(3)
    for hour in (6, 9, 12, 15, 18, 22):
        told = ahead(known, replace(DAY, ahead=hour * 3600.0), now)
        assert told == pytest.approx(max(day(h / 4) for h in range(hour * 4 + 1)), abs=20)
    doubled, now = learned(8, lambda hour: 2 * day(hour))
    assert ahead(doubled, replace(DAY, ahead=12 * 3600.0), now) == pytest.approx(1000, rel=0.1)


def test_a_forecast_survives_the_status_and_gaps():
    known, now = learned(2)
    again = Forecast.from_json(known.to_json())
    assert ahead(again, DAY, now) == pytest.approx(ahead(known, DAY, now), abs=0.1)
    young = learned(0.5)[0]
    assert Forecast.from_json(young.to_json()).season.count(None) == young.season.count(None) > 40
    later = learn(again, DAY, day(6), 60.0, now + 6 * 3600)
    assert ahead(later, replace(DAY, ahead=6 * 3600.0), now + 6 * 3600) == pytest.approx(500, rel=0.1)
    assert ahead(learn(again, DAY, 1.0, 60.0, now + 30 * 86400), DAY, now + 30 * 86400) is None
    for foreign in ({}, {"slot": "x"}, known.to_json() | {"season": [None]}, known.to_json() | {"season": 3}):
        assert Forecast.from_json(foreign) is None


def test_consumers_are_there_before_the_orders():
    policy, known = replace(POLICY, forecast=DAY), learned(3)[0]
    early = 3 * 86400 + 9.0 * 3600
    steady = remember(at=early - 5, desired=40, steady=True, rate=8.0, forecast=replace(known, slot=DAY.slot(early)))
    quiet = sample(arrival=300.0)
    decision = decide(policy, quiet, steady, early)
    assert (decision.replicas, decision.reason) == (60, "Forecast")
    assert decision.numbers.forecast_rate == pytest.approx(368, abs=20)
    assert decide(POLICY, quiet, steady, early).replicas == 40
    asleep = remember(steady, desired=0, steady=False, quiet_since=0.0)
    idle = replace(policy, bounds=ConsumerBounds(0, 60))
    assert decide(idle, sample(), asleep, early).replicas > 20, "it wakes what sleeps"


@settings(max_examples=60)
@given(runs, st.lists(st.floats(0, 10**5), min_size=96, max_size=96), st.floats(0, 10**5))
def test_a_forecast_only_raises(past, season, level):
    policy = replace(POLICY, forecast=DAY)
    known = Forecast(DAY.slot(1000.0), tuple(season), level=level)
    state = remember(desired=30)
    without = follow(POLICY, past, state)
    with_forecast = follow(policy, past, remember(state, forecast=known))
    assert all(
        (one.numbers.recommended or 0) <= (two.numbers.recommended or 0)
        for one, two in zip(without, with_forecast, strict=True)
        if _known(one.state) == _known(two.state)
    )


def _known(state: ScalingState) -> tuple[float | None, int | None, int | None]:
    return state.capacity.rate, state.ceiling.replicas, state.backoff.floor


@pytest.mark.parametrize("behind", [900.0, 3600.0])
def test_a_clock_that_is_behind_forgets_nothing(behind: float):
    known, now = learned(2)
    later = known
    for i in range(1, int(behind / 60) + 1):
        later = learn(later, DAY, day((now - behind + 60 * i) / 3600 % 24), 60.0, now - behind + 60 * i)
    assert (later.slot, later.level, later.season) == (known.slot, known.level, known.season)
    assert learn(known, DAY, 1.0, 60.0, now - 2 * 3600).level is None, "another clock altogether"
