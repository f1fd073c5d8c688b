"""What one consumer can do: assumed, observed, measured."""

from dataclasses import replace

import pytest

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Group, Load, Unknown
from orderpipeline_operator.domain.scaling.decide import decide
from tests.unit.operator.domain.scaling.samples import POLICY, follow, remember, sample
from tests.unit.operator.domain.scaling.test_sizing import KNOWN, WIDE, busy


def test_an_assumed_rate_counts_once_consumers_do_not_keep_up():
    unknown = remember(KNOWN, rate=None)
    slow = replace(WIDE, assumed_rate=5.0)
    keeps_up = decide(slow, busy(112.0, 100), unknown, 1000.0)
    assert keeps_up.replicas == 12
    assert follow(slow, [busy(112.0, 100)] * 100, unknown)[-1].replicas == 8
    assert decide(slow, busy(112.0, 5000), unknown, 1000.0).replicas == 24


def test_samples_after_a_gap_are_not_learned_from_until_they_settle():
    gap = decide(WIDE, Unknown("BrokersUnreachable", "none"), remember(KNOWN, rate=None), 1000.0)
    slow = replace(busy(112.0, 100_000), processed_rate=1.0)
    first = decide(WIDE, slow, gap.state, 1005.0)
    assert first.state.capacity.rate is None
    later = follow(WIDE, [busy(112.0, 100_000)] * 12, remember(first.state, trial=None), 1010.0)
    assert later[-1].state.capacity.rate is not None
    assert later[-1].state.capacity.rate > 5.0


def test_a_rate_is_learned_faster_upward_than_downward():
    up = decide(WIDE, replace(busy(140.0, 10_000), processed_rate=240.0), KNOWN, 1000.0).state.capacity.rate
    down = decide(WIDE, replace(busy(140.0, 10_000), processed_rate=60.0), KNOWN, 1000.0).state.capacity.rate
    # Both once at an unknown time before: a minute counts. 12 consumers did 20 and 5 each.
    assert up is not None
    assert down is not None
    assert up >= 10.0 >= down


def test_a_single_consumer_that_is_behind_gives_the_first_rate():
    loads = tuple(Load(n, 500 if n < 2 else 0, 5.0, 5.0) for n in range(24))
    decisions = follow(WIDE, [replace(busy(112.0, 1000), loads=loads)] * 2, remember(KNOWN, rate=None))
    assert [one.state.capacity.rate for one in decisions] == [None, pytest.approx(5.0 + 112.0 / 24)]
    assert decide(WIDE, replace(busy(112.0, 1000), loads=loads), KNOWN, 1000.0).state.capacity.rate == pytest.approx(
        10.0
    )


def test_a_rate_that_still_rises_is_not_the_rate_of_a_consumer():
    state, found = remember(KNOWN, rate=None), []
    for n, done in enumerate((12.0, 48.0, 84.0, 108.0, 120.0, 120.0)):  # smoothed, as a load begins
        decision = decide(WIDE, replace(busy(240.0, 20_000), processed_rate=done), state, 1000.0 + 5 * n)
        state = decision.state
        found.append(state.capacity.rate)
    assert found == [None] * 5 + [pytest.approx(10.0)]


def test_after_a_scale_down_the_rate_is_learned_before_the_next_scale_up():
    state, now, moves = remember(KNOWN, rate=None, desired=24, members=24, scaled_up_at=0.0), 1000.0, []
    for _ in range(400):
        members = state.desired or 1
        done = min(112.0, 10.0 * members)
        one = replace(busy(112.0, 0 if done >= 112.0 else 5000), processed_rate=done, group=Group("Stable", members))
        decision = decide(replace(WIDE, assumed_rate=5.0), one, state, now)
        if decision.replicas != decision.previous:
            moves.append((decision.previous, decision.replicas))
        state, now = decision.state, now + 5
    assert state.capacity.rate == pytest.approx(10.0, rel=0.05)
    assert len(moves) <= 4


def test_the_observed_capacity_is_the_least_that_is_assumed():
    unknown = remember(KNOWN, rate=None, observed=None)
    easy = follow(WIDE, [busy(2400.0, 100)] * 3, unknown)[-1].state
    assert (easy.capacity.rate, easy.capacity.observed) == (None, pytest.approx(200.0))
    # 200 each, not the 100 that are assumed of a worker nobody has seen at work: 12 times 200 and a little more.
    late = decide(WIDE, busy(2450.0, 30_000), easy, 1020.0)
    assert (late.numbers.rate_source, late.numbers.rate_per_consumer) == ("assumed", pytest.approx(200.0))
    assert late.numbers.required == 15


def test_until_added_consumers_join_the_others_give_the_rate():
    late = busy(112.0, 20_000)
    up = decide(replace(WIDE, assumed_rate=20.0), late, remember(KNOWN, rate=None), 1000.0)
    assert (up.replicas, up.state.trial.replicas_before, up.state.capacity.observed) == (
        24,
        12,
        pytest.approx(112.0 / 12),
    )
    fresh = remember(KNOWN, rate=None, members_since=985.0)
    states = [d.state for d in follow(replace(WIDE, assumed_rate=20.0), [late] * 5, fresh)]
    assert [state.trial.replicas_before for state in states] == [12] * 5
    assert [state.capacity.rate is None for state in states] == [True, True, True, True, False]
    joined = replace(late, group=Group("Stable", 24))
    assert follow(replace(WIDE, assumed_rate=20.0), [joined] * 6, states[0], 1005.0)[-1].state.capacity.rate is None


def test_an_assumed_rate_may_ask_for_more_while_added_consumers_have_not_joined():
    wide = replace(POLICY, bounds=ConsumerBounds(1, 120))
    start = remember(KNOWN, desired=40, rate=None, members=40, members_since=995.0)
    first = decide(wide, sample(35_000, 5000.0, processed_rate=3000.0, group=Group("Stable", 40)), start, 1000.0)
    assert first.replicas == 60
    more = sample(60_000, 9000.0, processed_rate=3900.0, group=Group("Stable", 40))
    assert decide(wide, more, first.state, 1005.0).replicas == 120
