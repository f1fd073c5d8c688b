from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_operator.domain.lag.age import MAX_POINTS
from orderpipeline_operator.domain.lag.history import History, advance
from orderpipeline_operator.domain.lag.sample import Group, LagSample, PartitionOffsets, Reading, Unknown, partition_lag

STABLE = Group("Stable", 2)


def reading(partitions: Mapping[int, tuple[int, int, int | None]], topic: str = "t1", group: Group = STABLE) -> Reading:
    return Reading(topic, {n: PartitionOffsets(*offsets) for n, offsets in partitions.items()}, group)


def run(*steps: tuple[float, Reading | Unknown], reset: str = "earliest") -> LagSample | Unknown:
    history, sample = History(), Unknown("None", "")
    for now, one in steps:
        history, sample = advance(history, one, reset, now)
    return sample


def known(*steps: tuple[float, Reading | Unknown], reset: str = "earliest") -> LagSample:
    sample = run(*steps, reset=reset)
    assert isinstance(sample, LagSample)
    return sample


@pytest.mark.parametrize(
    ("offsets", "reset", "lag"),
    [
        ((0, 100, 40), "earliest", 60),
        ((0, 100, 100), "latest", 0),
        ((50, 100, 40), "earliest", 50),  # retention took 40..49
        ((50, 100, 40), "latest", 50),
        ((30, 100, None), "earliest", 70),  # never the whole history
        ((30, 100, None), "latest", 0),
        ((0, 5, 900), "earliest", 5),  # the commit is of a topic that is gone
        ((0, 5, 900), "latest", 0),
        ((100, 100, None), "earliest", 0),
    ],
)
def test_lag_of_one_partition(offsets, reset, lag):
    assert partition_lag(PartitionOffsets(*offsets), reset) == lag


@given(
    st.integers(0, 10**12),
    st.integers(0, 10**6),
    st.none() | st.integers(0, 2 * 10**12),
    st.sampled_from(["earliest", "latest"]),
)
def test_lag_is_never_negative_nor_more_than_what_the_log_holds(start, size, committed, reset):
    assert 0 <= partition_lag(PartitionOffsets(start, start + size, committed), reset) <= size


def test_a_failed_reading_stays_unknown_and_is_forgotten():
    lost = Unknown("KafkaUnreachable", "no")
    assert run((1, reading({0: (0, 10, 0)})), (2, lost)) == lost
    sample = known((0, reading({0: (0, 10, 0)})), (5, lost), (10, reading({0: (0, 110, 50)})))
    assert (sample.arrival_rate, sample.processed_rate) == (10.0, 5.0)


def test_rates_need_two_readings():
    sample = known((1, reading({0: (0, 10, 0)})))
    assert (sample.arrived, sample.arrival_rate, sample.processed_rate) == (None, None, None)


def test_rates_are_smoothed_toward_the_newest():
    steps = [(5.0 * i, reading({0: (0, 100 * i, 50 * i)})) for i in range(4)]
    assert known(*steps).arrival_rate == pytest.approx(20.0)
    faster = known(*steps, (20.0, reading({0: (0, 1300, 200)})))
    assert 20 < faster.arrival_rate < 200
    assert faster.arrived == 1000


def test_what_follows_a_gap_is_not_smoothed_with_its_mean():
    before = [(0.0, reading({0: (0, 0, 0)})), (5.0, reading({0: (0, 500, 500)}))]
    over = (305.0, reading({0: (0, 800, 800)}))
    after = (310.0, reading({0: (0, 5800, 1200)}))
    assert known(*before, over).arrival_rate == pytest.approx(1.0)
    sample = known(*before, over, after)
    assert (sample.arrival_rate, sample.processed_rate) == (1000.0, 80.0)
    assert sample.loads[0][2:4] == (1000.0, 80.0)
    later = known(*before, over, after, (315.0, reading({0: (0, 5800, 1200)})))
    assert 500.0 < (later.arrival_rate or 0.0) < 1000.0, "and smoothed again from then on"


def test_first_commit_counts_what_was_read_since_the_log_start():
    assert known((0, reading({0: (10, 100, None)})), (5, reading({0: (10, 100, 60)}))).processed_rate == 10.0


def test_retention_is_not_processing():
    assert known((0, reading({0: (0, 100, 0)})), (5, reading({0: (90, 100, 0)}))).processed_rate == 0.0


def test_a_recreated_topic_starts_anew_and_keeps_the_rates():
    before = (0.0, reading({0: (0, 1000, 900)})), (5.0, reading({0: (0, 1500, 1400)}))
    sample = known(*before, (10.0, reading({0: (0, 5, None)}, "t2")))
    assert (sample.orders, sample.arrived, sample.arrival_rate) == (5, None, 100.0)
    shorter = known(*before, (10.0, reading({0: (0, 5, 1400)})))  # the same id, but the log was cut
    assert (shorter.orders, shorter.arrived) == (5, 0)


def test_grown_partitions_count_at_once():
    sample = known((0, reading({0: (0, 10, 10)})), (5, reading({0: (0, 10, 10), 1: (0, 50, None)})))
    assert (sample.partitions, sample.orders, sample.arrived) == (2, 50, 50)


def test_latest_without_commit_counts_only_what_arrives_while_there_are_members():
    none, some = Group("Empty", 0), Group("Stable", 1)
    steps = [(0.0, reading({0: (0, 10, None)}, group=none)), (5.0, reading({0: (0, 20, None)}, group=none))]
    assert known(*steps, reset="latest").orders == 0
    steps += [(10.0, reading({0: (0, 30, None)}, group=some)), (15.0, reading({0: (0, 37, None)}, group=some))]
    assert known(*steps, reset="latest").orders == 7


def test_age_of_the_oldest_waiting_order():
    steps = [(10.0 * i, reading({0: (0, 100 * i, 0)})) for i in range(4)]
    assert known(*steps).seconds == pytest.approx(29.9)  # order 0 came 0.1 s after t=0, when the end was 0
    later = known(*steps, (40.0, reading({0: (0, 400, 250)})))
    assert later.seconds == pytest.approx(40 - 25.1)
    assert not later.seconds_at_least
    assert known(*steps, (40.0, reading({0: (0, 300, 300)}))).seconds == 0.0


def test_age_of_a_backlog_older_than_the_history():
    first = (0.0, reading({0: (0, 100, 50)}))
    assert known(first).seconds is None
    sample = known(first, (60.0, reading({0: (0, 100, 50)})))
    assert (sample.seconds, sample.seconds_at_least) == (60.0, True)


def test_a_lag_of_one_that_stands_still_is_taken_for_a_marker():
    steps = [(30.0 * i, reading({0: (0, 10, 9), 1: (0, 10, 8)})) for i in range(3)]
    sample = known(*steps)
    assert (sample.orders, sample.markers) == (3, 1)
    alone = [(30.0 * i, reading({0: (0, 10, 9)}, group=Group("Empty", 0))) for i in range(3)]
    assert known(*alone).markers == 0  # nobody reads, so it may well be an order


@pytest.mark.parametrize("now", [10.0, 3.0])
def test_a_clock_that_does_not_advance_is_unknown_once(now):
    steps = [(0.0, reading({0: (0, 10, 0)})), (10.0, reading({0: (0, 20, 0)}))]
    sample = run(*steps, (now, reading({0: (0, 30, 0)})))
    assert isinstance(sample, Unknown)
    assert sample.reason == "ClockStep"
    assert known(*steps, (now, reading({0: (0, 30, 0)})), (now + 5, reading({0: (0, 35, 0)}))).orders == 35


def test_history_is_bounded():
    history = History()
    for i in range(500):
        history, sample = advance(history, reading({0: (0, 10 * i + 10, 0)}), "earliest", float(i))
    assert len(history.points) <= MAX_POINTS
    assert isinstance(sample, LagSample)
    assert sample.seconds == pytest.approx(499.0)


def test_most_lagging_partitions_are_named():
    sample = known((0, reading({n: (0, 10 * n, 0) for n in range(5)})))
    assert sample.most_lagging == ((4, 40), (3, 30), (2, 20))


def test_latest_says_nothing_of_partitions_that_are_added_later():
    assert known((0.0, reading({0: (0, 100, None)})), reset="latest").orders == 0
    assert known((0.0, reading({0: (0, 100, 100), 1: (0, 7, None)})), reset="latest").orders == 7


@pytest.mark.parametrize(
    "second",
    [
        lambda i: None if i < 3 else (0, 100 * (i - 2), 10),  # added while a backlog lasts
        lambda i: (0, 9000 + i, 8990) if i < 3 else (0, 100 * (i - 2), 10),  # its log was cut meanwhile
    ],
)
def test_a_partition_known_later_than_the_backlog_has_an_age_once_points_are_thinned(second):
    history = History()
    for i in range(1, 100):
        rows = {0: (0, 100 * i, 0)} | ({1: second(i)} if second(i) else {})
        history, sample = advance(history, reading(rows), "earliest", 5.0 * i)
        assert isinstance(sample, LagSample)
        assert [load.lag for load in sample.loads][1:] in ([], [100 * (i - 2) - 10], [i + 10])
        ages = [load.seconds for load in sample.loads if load.seconds is not None]
        assert all(0.0 <= age <= 5.0 * (i - 1) for age in ages)
        if i > 3:
            assert 5.0 * (i - 3) - 60.0 <= ages[1] <= 5.0 * (i - 2), "as old as what is known of it, points apart"


def test_latest_does_not_skip_a_topic_made_anew_of_a_group_that_had_begun():
    """Its commits went with the former topic, and it has no consumers that would commit new ones."""
    nobody = Group("Empty", 0)
    empty, waiting = reading({0: (0, 0, None)}, "t2", nobody), reading({0: (0, 7, None)}, "t2", nobody)
    began = reading({0: (0, 100, 100)}, "t1", nobody)
    assert known((0.0, began), (5.0, empty), (10.0, waiting), (15.0, waiting), reset="latest").orders == 7
    assert known((0.0, empty), (10.0, waiting), (15.0, waiting), reset="latest").orders == 0
    clock_stood = ((0.0, began), (0.0, empty), (10.0, waiting))
    assert known(*clock_stood, reset="latest").orders == 7
