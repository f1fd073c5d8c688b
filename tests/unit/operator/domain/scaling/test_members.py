"""What members have to do, and which are spare."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_operator.domain.lag.sample import Group, Load, Owner
from orderpipeline_operator.domain.scaling.members import (
    Member,
    any_overloaded,
    lightest,
    members_of,
    spare_count,
    worst_lag,
)
from orderpipeline_operator.domain.scaling.members import member as member_of
from tests.unit.operator.domain.scaling.samples import POLICY, sample

HELP = POLICY.tuning.scale_up_lead_seconds + POLICY.poll_interval


def member(client: str, *arrivals: float, lag: int = 0, processed: float | None = None) -> Member:
    """A member whose partitions bring `arrivals`; `lag` waits in each."""
    return member_of(client, (Load(0, lag, each, each if processed is None else processed) for each in arrivals))


def test_members_have_the_loads_of_their_partitions():
    loads = tuple(Load(n, n, 10.0 * n, 5.0 * n) for n in range(4))
    group = Group("Stable", 3, "consumer", (Owner("a", (0, 3)), Owner("b", (1, 2)), Owner("idle", ())))
    first, second, idle = members_of(sample(loads=loads, partitions=4, group=group))
    assert (first.client, first.arrivals, first.processed) == ("a", 30.0, 15.0)
    assert (second.arrivals, idle.arrivals, idle.loads) == (30.0, 0.0, ())


@pytest.mark.parametrize("owners", [(), (Owner("a", (0,)),), (Owner("a", (0, 2)), Owner("b", ()))])
def test_nothing_is_known_while_a_partition_has_no_owner(owners):
    loads = (Load(0, 0, 1.0, 1.0), Load(1, 0, 1.0, 1.0))
    assert members_of(sample(loads=loads, partitions=2, group=Group("Stable", 2, "consumer", owners))) == ()


def test_the_worst_lag_is_what_waits_and_what_will_until_help_comes():
    assert worst_lag(POLICY, [member("a", 30.0, 30.0, lag=500)], 100.0) == pytest.approx(10.0)
    assert worst_lag(POLICY, [member("a", 60.0, 90.0, lag=500)], 100.0) == pytest.approx(10.0 + 0.5 * HELP)
    assert worst_lag(POLICY, [member("a", 10.0, 10.0), member("b", 60.0, 60.0)], 100.0) == pytest.approx(0.2 * HELP)
    assert worst_lag(POLICY, [], 100.0) == 0.0


def test_the_partition_that_lags_most_counts_if_its_backlog_is_real():
    heavy = Member("a", (Load(0, 3000, 60.0, 50.0), Load(1, 100, 40.0, 40.0)), 100.0, 90.0)
    assert worst_lag(POLICY, [heavy], 100.0) == pytest.approx(60.0)
    rare = Member("b", (Load(0, 3, 0.1, 0.05), Load(1, 97, 40.0, 40.0)), 40.1, 40.05)
    assert worst_lag(POLICY, [rare], 100.0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "one",
    [
        member("alone", 90.0, lag=10**6),
        member("hot", 101.0, 10.0, lag=10**6),
        member("stuck", 10.0, 10.0, lag=10**6, processed=0.0),
    ],
    ids=lambda one: one.client,
)
def test_a_member_that_more_consumers_cannot_help_does_not_count(one):
    assert worst_lag(POLICY, [one], 100.0) == 0.0


def test_a_member_is_overloaded_if_more_consumers_could_help_it():
    assert any_overloaded([member("a", 60.0, 41.0)], 100.0)
    assert not any_overloaded([member("a", 60.0, 40.0), member("alone", 130.0), member("hot", 101.0, 1.0)], 100.0)


def test_the_lightest_go_first_and_among_equals_the_order_is_fixed():
    members = [member("c", 5.0), member("b", 1.0, 1.0), member("a", 5.0), member("d", 0.5)]
    assert lightest(members, 3) == ("d", "b", "a")
    assert lightest(members, 0) == lightest(members, -2) == ()


def test_members_are_spare_whose_partitions_any_other_has_capacity_for():
    rates = [1.0, 20.0, 35.0, 50.0, 60.0, 70.0]
    members = tuple(member(str(rate), rate) for rate in rates)
    assert spare_count(members, 100.0) == 2  # 35 and 70 would be too much, and Kafka may combine them
    assert spare_count(members, 91.0) == 2
    assert spare_count(members, 89.0) == 1
    assert spare_count(members, 70.0) == 0


def test_no_more_are_spare_than_there_are_takers():
    assert spare_count(tuple(member(str(n), 1.0) for n in range(8)), 100.0) == 4
    pairs = (member("a", 1.0, 1.0), member("b", 1.0, 1.0), member("c", 1.0), member("d", 1.0))
    assert spare_count(pairs, 100.0) == 1  # either one of the single ones, or a pair, whose halves go to both of them


def test_idle_members_are_spare_and_the_last_one_never():
    assert spare_count((member("a"), member("b"), member("c", 99.0)), 100.0) == 2
    assert spare_count((member("a", 1.0),), 100.0) == 0
    assert spare_count((), 100.0) == 0


def test_members_with_one_name_or_unlike_shares_are_left_alone():
    assert spare_count((member("a", 1.0), member("a", 1.0)), 100.0) == 0
    assert spare_count((member("a", 1.0, 1.0, 1.0), member("b", 1.0)), 100.0) == 0


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=40), st.integers(1, 40), st.data())
def test_the_others_have_capacity_for_their_partitions(rates, count, data):
    """Kafka fills those who have fewest, one partition each, in an order of its own."""
    count = min(count, len(rates))
    members = tuple(member(f"{n:02}", *rates[n::count]) for n in range(count))
    rate = data.draw(st.floats(1.0, 250.0))
    gone = lightest(members, spare_count(members, rate))
    stay = {one.client: list(one.loads) for one in members if one.client not in gone}
    before = {client: sum(load.arrival_rate for load in loads) for client, loads in stay.items()}
    freed = data.draw(st.permutations([load for one in members if one.client in gone for load in one.loads]))
    for load in freed:
        fewest = min(map(len, stay.values()))
        taker = data.draw(st.sampled_from([client for client, loads in stay.items() if len(loads) == fewest]))
        stay[taker].append(load)
    assert stay
    sizes = sorted(map(len, stay.values()))
    assert sizes[-1] - sizes[0] <= 1
    for client, loads in stay.items():
        assert sum(load.arrival_rate for load in loads) <= max(rate, before[client]) + 1e-6


@given(st.lists(st.floats(0.0, 100.0), min_size=2, max_size=40))
def test_of_faster_consumers_no_fewer_are_spare(rates):
    members = tuple(member(f"{n:02}", rate) for n, rate in enumerate(rates))
    found = [spare_count(members, rate) for rate in (10.0, 50.0, 100.0, 150.0, 200.0)]
    assert all(few <= many for few, many in pairwise(found))
