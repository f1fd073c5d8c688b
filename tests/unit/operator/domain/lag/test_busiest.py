"""Which partitions the metrics show."""

from orderpipeline_operator.domain.lag.busiest import SHOWN, busiest
from orderpipeline_operator.domain.lag.sample import Load


def test_the_longest_lag_comes_first_then_the_highest_rate() -> None:
    loads = [Load(0, 5, 1.0, 1.0), Load(1, 9, 0.0, 0.0), Load(2, 5, 3.0, 1.0), Load(3, 0, 7.0, 7.0), Load(4, 5, 3.0, 0)]
    assert [load.partition for load in busiest(loads)] == [1, 2, 4, 0, 3]
    assert [load.partition for load in busiest(loads, 2)] == [1, 2]


def test_what_is_at_rest_is_left_out_and_there_are_never_many() -> None:
    assert busiest([Load(0, 0, 0.0, 0.0)]) == ()
    assert len(busiest(Load(number, 1, 0.0, 0.0) for number in range(500))) == SHOWN
