"""The age of orders at their commit, from readings of offsets."""

from bench.ages import OffsetReading, ages, quantile


def reading(at: float, end: int, committed: int) -> OffsetReading:
    return OffsetReading(at, (end,), at + 0.01, (committed,))


def test_an_age_is_from_the_last_reading_without_the_oldest_order_to_the_first_with_its_commit() -> None:
    readings = [reading(0, 100, 100), reading(1, 150, 100), reading(2, 200, 100), reading(3, 200, 160)]
    assert ages(readings) == [(3.01, 60)]
    assert ages([*readings, reading(4, 200, 200)])[1] == (4.01 - 1, 40)


def test_orders_before_the_first_reading_have_no_age() -> None:
    assert ages([reading(0, 100, 0), reading(1, 100, 50)]) == []


def test_each_partition_has_its_own_ages() -> None:
    readings = [
        OffsetReading(0, (0, 0), 0, (0, 0)),
        OffsetReading(1, (5, 5), 1, (0, 5)),
        OffsetReading(9, (5, 5), 9, (5, 5)),
    ]
    assert sorted(ages(readings)) == [(1, 5), (9, 5)]


def test_quantiles_count_orders() -> None:
    weighed = [(3.0, 1), (1.0, 98), (2.0, 1)]
    assert quantile(weighed, 0.5) == 1.0
    assert quantile(weighed, 0.99) == 2.0
    assert quantile(weighed, 1.0) == 3.0
    assert quantile([], 0.5) is None
