"""Commits pass only finished offsets, over holes and in any order of finishing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_consumer.offsets import Offsets

received = st.lists(st.integers(0, 500), unique=True, min_size=1, max_size=60).map(sorted)


@given(received, st.randoms())
def test_position_is_the_first_unfinished_offset_at_every_moment(offsets: list[int], random: object) -> None:
    tracker = Offsets()
    for offset in offsets:
        tracker.received(offset)
    order = list(offsets)
    random.shuffle(order)  # type: ignore[attr-defined]
    left = set(offsets)
    last = tracker.position
    assert last == offsets[0]
    for offset in order:
        assert tracker.position_with({offset}) == min(left - {offset}, default=offsets[-1] + 1)
        tracker.finished(offset)
        left.discard(offset)
        assert tracker.position == min(left, default=offsets[-1] + 1)
        assert tracker.position is not None
        assert tracker.position >= last, "a position never goes back"
        last = tracker.position
    assert tracker.span == 0


@given(received, st.sets(st.integers(0, 59)))
def test_receiving_and_finishing_interleaved(offsets: list[int], finish: set[int]) -> None:
    tracker = Offsets()
    open_: list[int] = []
    for index, offset in enumerate(offsets):
        tracker.received(offset)
        open_.append(offset)
        if index in finish:
            tracker.finished(open_.pop(0))
        assert tracker.position == (open_[0] if open_ else offset + 1)


def test_the_end_of_a_partition_moves_the_position_past_markers_only_when_all_is_finished() -> None:
    tracker = Offsets()
    assert tracker.position is None
    tracker.received(5)
    tracker.reached(9)
    assert tracker.position == 5
    tracker.finished(5)
    assert tracker.position == 9
    tracker.reached(7)
    assert tracker.position == 9


def test_an_offset_that_goes_back_is_refused() -> None:
    tracker = Offsets()
    tracker.received(5)
    with pytest.raises(ValueError, match="offset 5 came after 5"):
        tracker.received(5)
