"""What more consumers cannot help: a hot partition, and one that stands still."""

from dataclasses import replace

import pytest

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import Group, Load
from tests.unit.operator.domain.scaling.samples import POLICY, follow, remember, sample


def loads(hot: float = 0.0, lag: int = 0, partitions: int = 12, processed: float = 5.0) -> tuple[Load, ...]:
    """Partition 7 with its own arrival and lag, the others at 5 orders/s, all of which is processed."""
    rest = [Load(n, 0, 5.0, 5.0) for n in range(partitions)]
    return tuple(Load(7, lag, hot, processed) if load.partition == 7 else load for load in rest)


def test_a_hot_partition_is_named_and_not_answered_with_more_consumers():
    policy, state = replace(POLICY, bounds=ConsumerBounds(1, 12)), remember(desired=4, rate=100.0)
    hot = sample(60_000, 855.0, 12, loads=loads(800.0, 60_000, processed=100.0), group=Group("Stable", 4))
    decision = follow(policy, [hot] * 5, state)[-1]
    assert (decision.replicas, decision.reason) == (4, "Skewed")
    assert (decision.numbers.hot_partition, decision.numbers.hot_demand) == (7, 1800.0)
    assert (decision.numbers.required, decision.numbers.requested) == (2, 19)
    spread = tuple(Load(n, 5_000, 71.0, 25.0) for n in range(12))
    assert follow(policy, [replace(hot, loads=spread)] * 5, state)[-1].replicas == 12


def test_a_hot_partition_does_not_make_consumers_look_slow():
    hot = sample(
        10**6, 855.0, 12, loads=loads(800.0, 10**6, processed=90.0), processed_rate=145.0, group=Group("Stable", 4)
    )
    decision = follow(replace(POLICY, bounds=ConsumerBounds(1, 12)), [hot] * 200, remember(desired=4))[-1]
    assert decision.numbers.rate_per_consumer == pytest.approx(90 + 2 * 145 / 12, rel=0.01)


def test_a_partition_that_stands_still_is_named_and_costs_no_consumers():
    stuck = sample(500, 0.0, 12, loads=loads(0.0, 500, processed=0.0), stuck=(7,), arrived=0, group=Group("Stable", 4))
    decision = follow(replace(POLICY, bounds=ConsumerBounds(0, 12)), [stuck] * 200, remember(desired=4))[-1]
    assert decision.replicas == 1
    assert decision.numbers.stuck_partition == 7
