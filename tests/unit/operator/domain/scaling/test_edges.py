"""Edges between two steps: a little too much, a little too few, partitions that differ, a rate that is only assumed."""

from dataclasses import replace

import pytest

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Group, Load, Unknown
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.demand import step_for_uneven
from tests.unit.operator.domain.scaling.samples import POLICY, follow, remember, sample

WIDE = replace(POLICY, bounds=ConsumerBounds(1, 24))
KNOWN = remember(desired=12, rate=10.0, steady=True, members=12, members_since=0.0)


def busy(arrival: float, lag: int = 0) -> object:
    group = Group("Stable", 12)
    return replace(sample(lag=lag, arrival=arrival, processed_rate=arrival, group=group), partitions=24)


@pytest.mark.parametrize(("arrival", "lag", "replicas"), [(112, 600, 12), (112, 1500, 24), (118, 600, 24)])
def test_a_tenth_too_much_waits_unless_arrivals_alone_fill_the_consumers(arrival, lag, replicas):
    # 12 do 120; a tenth more is 132, arrivals may be 114.
    decision = decide(WIDE, busy(arrival, lag), KNOWN, 1000.0)
    assert decision.replicas == replicas
    if replicas == 12:
        assert (decision.numbers.required, decision.numbers.recommended) == (13, 12)


@pytest.mark.parametrize(("arrival", "replicas"), [(105, 12), (115, 24)])
def test_fewer_must_have_something_to_spare(arrival, replicas):
    start = remember(KNOWN, desired=24)
    last = follow(WIDE, [busy(arrival)] * 100, start)[-1]
    assert last.replicas == replicas
    if replicas == 24:
        assert (last.numbers.required, last.numbers.min_for_scale_down) == (12, 13)


def test_partitions_that_differ_need_more_consumers_than_their_sum():
    loads = tuple(Load(n, 0, 8.0 if n % 2 else 1.0, 4.0) for n in range(24))
    even = tuple(Load(n, 0, 4.5, 4.5) for n in range(24))
    assert step_for_uneven(even, 10.0, 2.0) == 12
    assert step_for_uneven(loads, 10.0, 2.0) == 24
    assert step_for_uneven((), 10.0, 2.0) == 0
    behind = tuple(load._replace(lag=50) if load.partition < 2 else load for load in loads)
    decision = decide(WIDE, replace(busy(108.0, 100), loads=behind), KNOWN, 1000.0)
    assert decision.replicas == 24
    assert (decision.reason, decision.numbers.required, decision.numbers.uneven) == ("Pressure", 11, 24)


def test_partitions_that_differ_are_no_reason_while_no_consumer_is_behind_but_one_to_stay():
    loads = tuple(Load(n, 0, 8.0 if n % 2 else 1.0, 4.0) for n in range(24))
    held = decide(WIDE, replace(busy(108.0), loads=loads), KNOWN, 1000.0)
    assert held.replicas == 12
    assert (held.numbers.uneven, held.numbers.recommended) == (24, 12)
    assert follow(WIDE, [replace(busy(108.0), loads=loads)] * 100, remember(KNOWN, desired=24))[-1].replicas == 24


@pytest.mark.parametrize(("lag", "replicas"), [(59, 12), (61, 24)])
def test_rare_samples_do_not_make_a_consumer_that_is_behind_wait(lag, replicas):
    # A quarter of the minute to catch up, at the 4 orders/s that are done of the partition.
    loads = tuple(Load(n, lag if n == 1 else 0, 8.0 if n % 2 else 1.0, 4.0) for n in range(24))
    rare = replace(WIDE, poll_interval=60.0)
    assert decide(rare, replace(busy(108.0, lag), loads=loads), KNOWN, 1000.0).replicas == replicas


def test_a_hot_partition_does_not_count_as_uneven():
    loads = tuple(Load(n, 0, 50.0 if n == 3 else 1.0, 1.0) for n in range(24))
    assert step_for_uneven(loads, 10.0, 2.0) <= 8
    late = tuple(load._replace(lag=900) if load.partition == 3 else load for load in loads)
    assert decide(WIDE, replace(busy(73.0, 900), loads=late), remember(KNOWN, desired=8), 1000.0).replicas == 8


def test_an_assumed_rate_counts_once_consumers_do_not_keep_up():
    unknown = remember(KNOWN, rate=None)
    slow = replace(WIDE, assumed_rate=5.0)
    keeps_up = decide(slow, busy(112.0, 100), unknown, 1000.0)
    assert keeps_up.replicas == 12
    assert follow(slow, [busy(112.0, 100)] * 100, unknown)[-1].replicas == 8
    assert decide(slow, busy(112.0, 5000), unknown, 1000.0).replicas == 24


def test_what_follows_a_gap_teaches_nothing_until_it_has_settled():
    gap = decide(WIDE, Unknown("BrokersUnreachable", "none"), remember(KNOWN, rate=None), 1000.0)
    slow = replace(busy(112.0, 100_000), processed_rate=1.0)
    first = decide(WIDE, slow, gap.state, 1005.0)
    assert first.state.capacity.rate is None
    later = follow(WIDE, [busy(112.0, 100_000)] * 12, remember(first.state, trial=None), 1010.0)
    assert later[-1].state.capacity.rate is not None
    assert later[-1].state.capacity.rate > 5.0


def test_a_rate_is_learned_sooner_upward_than_downward():
    up = decide(WIDE, replace(busy(140.0, 10_000), processed_rate=240.0), KNOWN, 1000.0).state.capacity.rate
    down = decide(WIDE, replace(busy(140.0, 10_000), processed_rate=60.0), KNOWN, 1000.0).state.capacity.rate
    # Both once at an unknown time before: a minute counts. 12 consumers did 20 and 5 each.
    assert up is not None
    assert down is not None
    assert up >= 10.0 >= down


def test_one_consumer_that_is_behind_shows_the_first_rate_of_all():
    loads = tuple(Load(n, 500 if n < 2 else 0, 5.0, 5.0) for n in range(24))
    decisions = follow(WIDE, [replace(busy(112.0, 1000), loads=loads)] * 2, remember(KNOWN, rate=None))
    assert [one.state.capacity.rate for one in decisions] == [None, pytest.approx(5.0 + 112.0 / 24)]
    assert decide(WIDE, replace(busy(112.0, 1000), loads=loads), KNOWN, 1000.0).state.capacity.rate == pytest.approx(
        10.0
    )


def test_a_rate_that_still_rises_is_not_taken_for_what_a_consumer_does():
    state, found = remember(KNOWN, rate=None), []
    for n, done in enumerate((12.0, 48.0, 84.0, 108.0, 120.0, 120.0)):  # smoothed, as a load begins
        decision = decide(WIDE, replace(busy(240.0, 20_000), processed_rate=done), state, 1000.0 + 5 * n)
        state = decision.state
        found.append(state.capacity.rate)
    assert found == [None] * 5 + [pytest.approx(10.0)]


def test_what_was_given_back_teaches_its_rate_before_it_is_taken_again():
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


def test_what_consumers_do_without_strain_is_the_least_that_is_assumed_of_them():
    unknown = remember(KNOWN, rate=None, observed=None)
    easy = follow(WIDE, [busy(2400.0, 100)] * 3, unknown)[-1].state
    assert (easy.capacity.rate, easy.capacity.observed) == (None, pytest.approx(200.0))
    # 200 each, not the 100 that are assumed of a worker nobody has seen at work: 12 times 200 and a little more.
    late = decide(WIDE, busy(2450.0, 30_000), easy, 1020.0)
    assert (late.numbers.rate_source, late.numbers.rate_per_consumer) == ("assumed", pytest.approx(200.0))
    assert late.numbers.required == 15


def test_until_those_come_that_were_added_the_others_show_their_rate():
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


def test_an_assumed_rate_goes_on_up_while_those_it_asked_for_are_on_their_way():
    wide = replace(POLICY, bounds=ConsumerBounds(1, 120))
    start = remember(KNOWN, desired=40, rate=None, members=40, members_since=995.0)
    first = decide(wide, sample(35_000, 5000.0, processed_rate=3000.0, group=Group("Stable", 40)), start, 1000.0)
    assert first.replicas == 60
    more = sample(60_000, 9000.0, processed_rate=3900.0, group=Group("Stable", 40))
    assert decide(wide, more, first.state, 1005.0).replicas == 120
