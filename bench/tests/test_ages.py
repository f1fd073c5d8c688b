"""How old orders are at their commit, from looks at offsets."""

from bench.ages import Look, ages, quantile


def look(at: float, end: int, committed: int) -> Look:
    return Look(at, (end,), at + 0.01, (committed,))


def test_an_age_is_from_the_last_look_without_the_oldest_order_to_the_first_with_its_commit() -> None:
    looks = [look(0, 100, 100), look(1, 150, 100), look(2, 200, 100), look(3, 200, 160)]
    assert ages(looks) == [(3.01, 60)]
    assert ages([*looks, look(4, 200, 200)])[1] == (4.01 - 1, 40)


def test_what_was_there_before_the_first_look_has_no_age() -> None:
    assert ages([look(0, 100, 0), look(1, 100, 50)]) == []


def test_each_partition_has_its_own_ages() -> None:
    looks = [
        Look(0, (0, 0), 0, (0, 0)),
        Look(1, (5, 5), 1, (0, 5)),
        Look(9, (5, 5), 9, (5, 5)),
    ]
    assert sorted(ages(looks)) == [(1, 5), (9, 5)]


def test_quantiles_count_orders() -> None:
    weighed = [(3.0, 1), (1.0, 98), (2.0, 1)]
    assert quantile(weighed, 0.5) == 1.0
    assert quantile(weighed, 0.99) == 2.0
    assert quantile(weighed, 1.0) == 3.0
    assert quantile([], 0.5) is None
