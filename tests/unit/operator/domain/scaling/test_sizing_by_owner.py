"""Numbers of consumers between two even steps, where it is known who owns which partition."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Group, LagSample, Load, Owner
from orderpipeline_operator.domain.scaling import even_steps
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.decision import Decision
from orderpipeline_operator.domain.scaling.state import ScalingState
from orderpipeline_operator.domain.scaling.why import report
from tests.unit.operator.domain.scaling.samples import POLICY, follow, remember, sample

WIDE = replace(POLICY, bounds=ConsumerBounds(1, 12), stabilization_down=60.0)
RATES = (5.0, 10.0, 15.0, 20.0, 60.0, 65.0, 70.0, 70.0, 75.0, 75.0, 80.0, 80.0)
"""Of twelve partitions, which do not fit on six consumers of 100/s each; the five lightest fit beside any."""


def known(members: int, rates: Sequence[float] = RATES, **kwargs) -> LagSample:
    """A sample with partitions shared out evenly among `members`, named by numbers."""
    return owned([tuple(range(n, len(rates), members)) for n in range(members)], rates, **kwargs)


def owned(shares: Sequence[tuple[int, ...]], rates: Sequence[float] = RATES, lags: Sequence[int] = ()) -> LagSample:
    """Each member does what comes, but no more than 100/s."""
    owners = tuple(Owner(f"c{number:02}", share) for number, share in enumerate(shares))
    part = {n: min(1.0, 100.0 / max(sum(rates[m] for m in share), 1e-9)) for share in shares for n in share}
    loads = tuple(Load(n, lags[n] if lags else 0, rate, rate * part[n]) for n, rate in enumerate(rates))
    lag, done = sum(load.lag for load in loads), sum(load.processed_rate for load in loads)
    group = Group("Stable", len(shares), "consumer", owners)
    return sample(lag, sum(rates), len(rates), loads=loads, processed_rate=done, group=group)


def at(consumers: int) -> ScalingState:
    return remember(desired=consumers, rate=100.0, steady=True, members=consumers, members_since=0.0)


def changes(decisions: Sequence[Decision]) -> list[tuple[int, int]]:
    return [(d.previous, d.replicas) for d in decisions if d.replicas != d.previous]


def test_the_members_with_the_least_to_do_go_after_the_usual_wait():
    decisions = follow(WIDE, [known(12)] * 13, at(12))
    assert changes(decisions) == [(12, 8)]
    last = decisions[-1]
    assert decisions[-2].reason == "StabilizingDown"
    assert (last.reason, last.leaving) == ("Spare", ("c00", "c01", "c02", "c03"))
    assert last.numbers.spare == 4


def test_without_owners_only_even_steps():
    blind = replace(known(12), group=Group("Stable", 12))
    assert changes(follow(WIDE, [blind] * 30, at(12))) == []


def test_a_number_between_two_even_steps_can_stay():
    pairs = owned([(0, 4), (1, 5), (2, 6), (3, 7), (8,), (9,), (10,), (11,)])
    decisions = follow(WIDE, [pairs] * 40, at(8))
    assert changes(decisions) == []
    assert decisions[-1].reason == "Spare"
    assert decisions[-1].numbers.spare is None
    told = report({"metadata": {"name": "shop"}, "status": {"scaling": {"latest": decisions[-1].to_json()}}})
    assert "recommended          8, between two even steps" in told


def test_more_once_a_member_lags():
    shares = [(0, 4), (1, 5), (2, 6), (3, 7), (8,), (9,), (10,), (11,)]
    rates = (5.0, 10.0, 15.0, 90.0, *RATES[4:])
    # One has 1.6 times too much to do, but nobody knows for how long.
    assert changes(follow(WIDE, [owned(shares, rates)] * 30, at(8))) == []
    behind = owned(shares, rates, [0, 0, 0, 1900, 0, 0, 0, 1900, 0, 0, 0, 0])
    decision = decide(WIDE, behind, at(8), 1000.0)
    assert decision.replicas == 12
    assert decision.leaving == ()


def test_more_than_an_even_step_for_an_overloaded_member():
    rates = (52.0, 40.0, 40.0, 40.0, 40.0, 40.0, 52.0, 40.0, 40.0, 40.0, 40.0, 40.0)
    assert changes(follow(WIDE, [known(6, rates)] * 30, at(6))) == []
    lags = [3000, 0, 0, 0, 0, 0, 3000] + [0] * 5
    decision = decide(WIDE, known(6, rates, lags=lags), at(6), 1000.0)
    assert (decision.replicas, decision.numbers.required, decision.numbers.uneven) == (12, 6, None)
    lately = remember(at(6), members_since=950.0)  # partitions were shared out anew, and what waits is of before that
    assert decide(WIDE, known(6, rates, lags=lags), lately, 1000.0).replicas == 6
    unknown = remember(at(6), rate=None, observed=60.0)
    assert decide(replace(WIDE, assumed_rate=60.0), known(6, rates), unknown, 1000.0).replicas == 6


@pytest.mark.parametrize(
    ("rates", "lags"),
    [
        ((5.0, 10.0, 15.0, 20.0, *[60.0] * 7, 130.0), [0] * 11 + [10_000]),
        ((5.0, 10.0, 15.0, 20.0, *[60.0] * 8), [3000] * 4 + [0] * 8),
    ],
    ids=["hot", "behind"],
)
def test_no_member_is_spare_while_one_is(rates, lags):
    assert changes(follow(WIDE, [known(12, rates, lags=lags)] * 30, at(12))) == []


def test_one_or_two_of_many_are_not_worth_a_rebalance():
    rates = (1.0, *[70.0] * 31)
    wide = replace(WIDE, bounds=ConsumerBounds(1, 32))
    assert changes(follow(wide, [known(32, rates)] * 30, at(32))) == []


def test_no_member_is_spare_before_the_last_change_has_taken_effect():
    assert changes(follow(WIDE, [known(12)] * 30, at(11))) == []


def test_a_number_that_was_too_low_is_tried_again_later():
    def fall(state: ScalingState, now: float) -> tuple[float, ScalingState]:
        began = now
        while True:
            decision = decide(WIDE, known(12), state, now)
            if decision.replicas != decision.previous:
                return now - began, decision.state
            state, now = decision.state, now + 5

    waits, state, now = [], at(12), 1000.0
    for _ in range(3):
        waited, state = fall(state, now)
        waits.append(waited)
        now += waited + 200
        shares = [(0, 4), (1, 5), (2, 6), (3, 7), (8,), (9,), (10,), (11,)]
        up = decide(WIDE, owned(shares, lags=[3000, 0, 0, 0, 3000] + [0] * 7), state, now)
        assert up.replicas == 12
        state, now = up.state, now + 5
    assert waits == [60, 240, 600]


def test_the_rate_of_a_consumer_is_that_of_a_busy_one():
    rates = [50.0] * 12
    lags = [2000, 2000] + [0] * 10
    loads = known(6, rates, lags=lags)
    fresh = remember(at(6), rate=None)
    assert decide(WIDE, loads, remember(fresh, observed=99.0), 1000.0).state.capacity.rate == pytest.approx(100.0)
    calm = decide(WIDE, known(6, rates), fresh, 1000.0).state
    assert (calm.capacity.rate, calm.capacity.observed) == (None, pytest.approx(100.0))


@settings(max_examples=40)
@given(st.lists(st.floats(1, 150), min_size=12, max_size=12), st.integers(1, 12), st.integers(0, 5000))
def test_between_two_even_steps_never_without_a_reason_and_never_below_the_floor(rates, members, lag):
    lags = [lag] + [0] * 11
    for decision in follow(WIDE, [known(members, rates, lags=lags)] * 40, at(members)):
        assert 1 <= decision.replicas <= 12
        between = decision.replicas not in even_steps.steps(12)
        if between and decision.replicas < decision.previous:
            assert decision.reason in ("Spare", "Skewed")  # the latter where a partition is hot besides
            assert len(decision.leaving) == members - decision.replicas
        if decision.replicas < decision.previous:
            assert decision.replicas >= 4  # one per three partitions
