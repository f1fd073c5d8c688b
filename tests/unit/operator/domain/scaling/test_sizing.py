"""Between two even steps: a little too much, a little too few, partitions that differ."""

from dataclasses import replace

import pytest

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Group, Load
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.demand import step_for_uneven
from tests.unit.operator.domain.scaling.samples import POLICY, follow, remember, sample

WIDE = replace(POLICY, bounds=ConsumerBounds(1, 24))
KNOWN = remember(desired=12, rate=10.0, steady=True, members=12, members_since=0.0)


def busy(arrival: float, lag: int = 0) -> object:
    group = Group("Stable", 12)
    return replace(sample(lag=lag, arrival=arrival, processed_rate=arrival, group=group), partitions=24)


@pytest.mark.parametrize(("arrival", "lag", "replicas"), [(112, 600, 12), (112, 1500, 24), (118, 600, 24)])
def test_an_overload_of_a_tenth_is_tolerated_unless_arrivals_alone_fill_the_consumers(arrival, lag, replicas):
    # 12 do 120; a tenth more is 132, arrivals may be 114.
    decision = decide(WIDE, busy(arrival, lag), KNOWN, 1000.0)
    assert decision.replicas == replicas
    if replicas == 12:
        assert (decision.numbers.required, decision.numbers.recommended) == (13, 12)


@pytest.mark.parametrize(("arrival", "replicas"), [(105, 12), (115, 24)])
def test_fewer_only_with_a_margin(arrival, replicas):
    start = remember(KNOWN, desired=24)
    last = follow(WIDE, [busy(arrival)] * 100, start)[-1]
    assert last.replicas == replicas
    if replicas == 24:
        assert (last.numbers.required, last.numbers.min_for_scale_down) == (12, 13)


def test_uneven_partitions_need_more_consumers_than_their_sum():
    loads = tuple(Load(n, 0, 8.0 if n % 2 else 1.0, 4.0) for n in range(24))
    even = tuple(Load(n, 0, 4.5, 4.5) for n in range(24))
    assert step_for_uneven(even, 10.0, 2.0) == 12
    assert step_for_uneven(loads, 10.0, 2.0) == 24
    assert step_for_uneven((), 10.0, 2.0) == 0
    behind = tuple(load._replace(lag=50) if load.partition < 2 else load for load in loads)
    decision = decide(WIDE, replace(busy(108.0, 100), loads=behind), KNOWN, 1000.0)
    assert decision.replicas == 24
    assert (decision.reason, decision.numbers.required, decision.numbers.uneven) == ("Pressure", 11, 24)


def test_uneven_partitions_are_no_reason_for_more_while_none_lags_but_one_to_stay():
    loads = tuple(Load(n, 0, 8.0 if n % 2 else 1.0, 4.0) for n in range(24))
    held = decide(WIDE, replace(busy(108.0), loads=loads), KNOWN, 1000.0)
    assert held.replicas == 12
    assert (held.numbers.uneven, held.numbers.recommended) == (24, 12)
    assert follow(WIDE, [replace(busy(108.0), loads=loads)] * 100, remember(KNOWN, desired=24))[-1].replicas == 24


@pytest.mark.parametrize(("lag", "replicas"), [(59, 12), (61, 24)])
def test_a_lagging_consumer_does_not_wait_for_rare_samples(lag, replicas):
    # A quarter of the minute to catch up, at the 4 orders/s that are done of the partition.
    loads = tuple(Load(n, lag if n == 1 else 0, 8.0 if n % 2 else 1.0, 4.0) for n in range(24))
    rare = replace(WIDE, poll_interval=60.0)
    assert decide(rare, replace(busy(108.0, lag), loads=loads), KNOWN, 1000.0).replicas == replicas


def test_a_hot_partition_does_not_count_as_uneven():
    loads = tuple(Load(n, 0, 50.0 if n == 3 else 1.0, 1.0) for n in range(24))
    assert step_for_uneven(loads, 10.0, 2.0) <= 8
    late = tuple(load._replace(lag=900) if load.partition == 3 else load for load in loads)
    assert decide(WIDE, replace(busy(73.0, 900), loads=late), remember(KNOWN, desired=8), 1000.0).replicas == 8
