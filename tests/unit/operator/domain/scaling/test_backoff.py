"""Fewer consumers: when, and what is remembered of a time when they were too few."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Group
from orderpipeline_operator.domain.scaling import state_json
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.stabilize import with_recommendation
from orderpipeline_operator.domain.scaling.state import Backoff, ScalingState
from tests.unit.operator.domain.scaling.samples import POLICY, follow, remember, sample

WIDE = replace(POLICY, bounds=ConsumerBounds(1, 120), stabilization_down=60.0)
AT60 = remember(desired=60, rate=100.0, steady=True, members=60, members_since=0.0)


def load(arrival: float, lag: int = 0, members: int = 60):
    return sample(lag, arrival, processed_rate=arrival, group=Group("Stable", members))


def fall_and_rise(state: ScalingState, now: float, quiet: float, busy: float, gap: float) -> tuple[ScalingState, float]:
    """Arrivals of `quiet` until consumers are fewer and `gap` seconds on, then `busy` with a backlog."""
    fallen = None
    while fallen is None or now - fallen < gap:
        decision = decide(WIDE, load(quiet), state, now)
        if fallen is None and decision.replicas != decision.previous:
            fallen = now
        assert now < 1e5
        state, now = decision.state, now + 5
    up = decide(WIDE, load(busy, 100_000), state, now)
    assert up.replicas > up.previous
    return up.state, now + 5


def waited(state: ScalingState, now: float, arrival: float) -> float:
    """Seconds of `arrival` until consumers are fewer."""
    began, decision = now, decide(WIDE, load(arrival), state, now)
    while decision.replicas == decision.previous:
        now += 5
        assert now - began < 20_000
        decision = decide(WIDE, load(arrival), decision.state, now)
    return now - began


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_each_number_counts_since_no_more_was_recommended(recommended):
    below = ()
    for now, wanted in enumerate(recommended):
        below = with_recommendation(below, wanted, float(now))
        seen = recommended[: now + 1]
        for since, number in below:
            assert max(seen[int(since) :]) == number
            assert since == 0 or seen[int(since) - 1] > number
        assert [number for _, number in below] == sorted({max(seen[i:]) for i in range(len(seen))}, reverse=True)


def test_the_rest_goes_when_it_has_been_due_for_long_enough():
    loads = [load(5500.0)] * 4 + [load(3000.0)] * 20
    decisions = follow(WIDE, loads, remember(AT60, desired=120))
    moves = [(5 * i, d.previous, d.replicas) for i, d in enumerate(decisions) if d.previous != d.replicas]
    assert moves == [(60, 120, 60), (80, 60, 40)]


def test_a_number_that_was_too_low_is_not_tried_again_for_ten_minutes_then_twenty():
    state, now = fall_and_rise(AT60, 1000.0, 3500.0, 3550.0, 120.0)
    assert (state.backoff.floor, state.backoff.floor_seconds) == (60, 600.0)
    assert state_json.from_json(state_json.to_json(state)).backoff.floor == 60
    held = decide(WIDE, load(3500.0), remember(state, desired=60), now)
    assert (held.replicas, held.numbers.backoff_floor) == (60, 60)
    assert waited(remember(state, desired=60), now, 3500.0) == pytest.approx(655.0, abs=5.0)
    again, _ = fall_and_rise(remember(state, desired=60), now, 3500.0, 3550.0, 120.0)
    assert again.backoff.floor_seconds == 1200.0


def test_a_backlog_while_nothing_arrives_does_not_blame_the_scale_down():
    unread = replace(load(3500.0), arrived=None, arrival_rate=None)
    state = follow(WIDE, [load(3500.0)] * 20, AT60)[-1].state
    assert (state.desired, state.backoff.scale_down.replicas_before) == (40, 60)
    up = decide(WIDE, replace(unread, orders=400_000), state, 1105.0)
    assert (up.replicas, up.state.backoff.floor) == (120, None)


def test_a_lower_load_is_not_bound_by_the_backoff_floor():
    state, now = fall_and_rise(AT60, 1000.0, 3500.0, 3550.0, 120.0)
    assert waited(remember(state, desired=60), now, 3000.0) == 60.0


def test_after_a_load_that_was_back_soon_the_next_scale_down_waits_longer():
    state, now = fall_and_rise(AT60, 1000.0, 3000.0, 5500.0, 60.0)
    assert (state.backoff.floor, state.backoff.wait) == (None, 120.0)
    assert waited(remember(state, desired=60), now, 3000.0) == 120.0
    again, now = fall_and_rise(remember(state, desired=60), now, 3000.0, 5500.0, 60.0)
    assert again.backoff.wait == 240.0
    assert (
        fall_and_rise(remember(again, backoff=Backoff(wait=500.0)), now, 3000.0, 5500.0, 60.0)[0].backoff.wait == 600.0
    )


@pytest.mark.parametrize("busy", [3050.0, 5500.0])
def test_a_scale_down_that_held_for_ten_minutes_was_right(busy):
    state, _ = fall_and_rise(
        remember(AT60, backoff=Backoff(wait=120.0, floor_seconds=1200.0)), 1000.0, 3000.0, busy, 620.0
    )
    assert (state.backoff.floor, state.backoff.floor_seconds, state.backoff.wait) == (None, None, None)
