"""Commits pass only completed offsets, across gaps and in any order of completion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.records.offsets import InFlightRange, OffsetTracker

received = st.lists(st.integers(0, 500), unique=True, min_size=1, max_size=60).map(sorted)


def start(
    tracker: OffsetTracker, offsets: list[int], following: int | None = None, *, split: bool = True
) -> InFlightRange:
    run = InFlightRange(offsets[0], len(offsets))
    if split:
        run.split(offsets)
    tracker.start(run, following)
    return run


@given(received, st.randoms())
def test_the_position_is_always_the_first_incomplete_offset(offsets: list[int], random: object) -> None:
    tracker = OffsetTracker()
    tracker.receive(offsets[0], offsets[-1], len(offsets))
    assert tracker.position == offsets[0]
    start(tracker, offsets)
    order = list(offsets)
    random.shuffle(order)  # type: ignore[attr-defined]
    left = set(offsets)
    last = tracker.position
    assert last == offsets[0]
    for offset in order:
        assert tracker.position_if({offset}).offset == min(left - {offset}, default=offsets[-1] + 1)
        tracker.complete([offset])
        left.discard(offset)
        assert tracker.position == min(left, default=offsets[-1] + 1)
        assert tracker.position is not None
        assert tracker.position >= last, "a position never goes back"
        last = tracker.position
    assert tracker.uncommitted == 0


@given(received, st.lists(st.integers(1, 9)), st.lists(st.booleans()), st.randoms())
def test_ranges_and_single_records_complete_in_any_order(
    offsets: list[int], sizes: list[int], splits: list[bool], random: object
) -> None:
    """Runs end at once or, when they were split before or while they are under way, record by record."""
    tracker = OffsetTracker()
    tracker.receive(offsets[0], offsets[-1], len(offsets))
    work: list[tuple[InFlightRange | None, list[int]]] = []
    rest = offsets
    for place, size in enumerate([*sizes, len(offsets)]):
        part, rest = rest[:size], rest[size:]
        if not part:
            break
        split = place < len(splits) and splits[place]
        run = start(tracker, part, rest[0] if rest else None, split=split)
        late = not split and place % 3 == 0
        if late:
            run.split(part)
        work += [(None, [offset]) for offset in part] if split or late else [(run, part)]
    left = set(offsets)
    random.shuffle(work)  # type: ignore[attr-defined]
    for ended, part in work:
        left -= set(part)
        expected = min(left, default=offsets[-1] + 1)
        assert tracker.position_if(() if ended else set(part), ended).offset == expected
        if ended:
            tracker.complete_range(ended)
        else:
            tracker.complete(part)
        assert tracker.position == expected
        assert tracker.uncommitted >= len(left)
    assert tracker.uncommitted == 0


@given(received, st.integers(1, 60))
def test_records_not_started_hold_the_position(offsets: list[int], begun: int) -> None:
    tracker = OffsetTracker()
    tracker.receive(offsets[0], offsets[-1], len(offsets))
    rest = offsets[begun:]
    run = start(tracker, offsets[:begun], rest[0] if rest else None, split=False)
    assert tracker.position == offsets[0]
    tracker.complete_range(run)
    assert tracker.position == (rest[0] if rest else offsets[-1] + 1)
    assert tracker.uncommitted == len(rest)
    tracker.skip_to(offsets[-1] + 5)
    assert tracker.position == (rest[0] if rest else offsets[-1] + 5)


def test_the_end_offset_moves_the_position_past_markers_only_when_all_is_complete() -> None:
    tracker = OffsetTracker()
    assert tracker.position is None
    tracker.receive(5, 5, 1)
    start(tracker, [5])
    tracker.skip_to(9)
    assert tracker.position == 5
    tracker.complete([5])
    assert tracker.position == 9
    tracker.skip_to(7)
    assert tracker.position == 9


def test_an_offset_that_decreases_is_refused() -> None:
    tracker = OffsetTracker()
    tracker.receive(5, 6, 2)
    with pytest.raises(ValueError, match="offset 6 came after 6"):
        tracker.receive(6, 7, 2)


def test_a_position_has_the_leader_epoch_of_the_record_before_it() -> None:
    tracker = OffsetTracker(LogPosition(5, 1))
    assert tracker.at(5) == LogPosition(5, 1)
    tracker.receive(5, 7, 3, 1)
    tracker.receive(8, 9, 2, 4)
    assert [tracker.at(n).leader_epoch for n in (5, 8, 9, 10)] == [1, 1, 4, 4]
    assert OffsetTracker().at(3) == LogPosition(3)
