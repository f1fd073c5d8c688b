"""What is complete above a commit fits into its metadata, and says nothing of another log."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_consumer.records.completed import MAX_BYTES, Completed, decode, merge
from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.records.offsets import InFlightRange, OffsetTracker

offsets = st.sets(st.integers(10, 400), max_size=120)


def spread(ranges: object) -> set[int]:
    return {offset for first, last in ranges for offset in range(first, last + 1)}  # type: ignore[attr-defined]


@given(offsets, st.integers(0, 410))
def test_ranges_have_the_offsets_from_a_position_on(some: set[int], position: int) -> None:
    merged = merge([(each, each) for each in some], position)
    assert spread(merged) == {each for each in some if each >= position}
    assert all(one[1] + 1 < other[0] for one, other in itertools.pairwise(merged))


@given(offsets, st.integers(0, 10), st.integers(0, 9))
def test_completed_ranges_survive_the_metadata(some: set[int], position: int, leader_epoch: int) -> None:
    completed = Completed(leader_epoch, merge([(each, each) for each in some], position))
    assert decode(completed.encode(position), position) == completed


@given(offsets, offsets)
def test_of_some_offsets_those_are_found_that_are_complete(some: set[int], others: set[int]) -> None:
    found = Completed(1, merge([(each, each) for each in some], 0)).only(others)
    assert spread(found.ranges if found else ()) == some & others


@given(offsets, st.lists(st.integers(0, 500), unique=True, min_size=1).map(sorted))
def test_records_are_divided_into_complete_and_other_ones(some: set[int], received: list[int]) -> None:
    completed = Completed(1, merge([(each, each) for each in some], 0))
    parts = list(completed.parts(len(received), received.__getitem__))
    assert [index for start, end, _ in parts for index in range(start, end)] == list(range(len(received)))
    assert {received[n] for start, end, complete in parts if complete for n in range(start, end)} == some & set(
        received
    )


def test_too_many_ranges_lose_the_shortest() -> None:
    many = Completed(1, tuple((n * 10, n * 10 + n % 3) for n in range(5000)))
    text = many.encode(0)
    assert len(text) <= MAX_BYTES * 4 // 3 + 8
    found = decode(text, 0)
    assert found is not None
    assert set(found.ranges) < set(many.ranges)
    assert len(found.ranges) > 1000
    assert {last - first for first, last in found.ranges} == {2}


@pytest.mark.parametrize("text", ["", "x", "1", "1:?", "-1:AA", ":AA", "1:A"])
def test_damaged_text_says_nothing(text: str) -> None:
    found = decode(text, 0)
    assert found is None or found.ranges == ()


def test_only_the_present_leader_epoch_counts() -> None:
    tracker = OffsetTracker(LogPosition(0, 1))
    ranges = [InFlightRange(first, 2) for first in (0, 2, 4)]
    tracker.receive(0, 3, 4, 1)
    for each in ranges[:2]:
        tracker.start(each, 2)
    tracker.complete_range(ranges[1])
    assert tracker.completed_from(0) == Completed(1, ((2, 3),))
    tracker.receive(4, 5, 2, 2)
    tracker.start(ranges[2], None)
    tracker.complete_range(ranges[2])
    assert tracker.completed_from(0) == Completed(2, ((4, 5),))
    assert OffsetTracker(LogPosition(0)).completed_from(0) is None
