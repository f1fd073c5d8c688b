"""Offsets at the copy: never past an order that was not worked, and exact wherever that can be known."""

import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_operator.domain.failover.offset_syncs import OffsetSync, parse, translate


@dataclass
class Copy:
    """A partition's copy as MirrorMaker 2 writes it: the source's offset of each record, and the pairs."""

    log: list[int] = field(default_factory=list)
    pairs: list[OffsetSync] = field(default_factory=list)

    def append(self, source: int, pair: bool) -> None:
        if pair:
            self.pairs.append(OffsetSync(source, len(self.log)))
        self.log.append(source)


@st.composite
def copies(draw: st.DrawFn, crashes: int = 3, *, caught_up: bool = False, first_pairs: bool = False) -> Copy:
    """A copy with some crashes, each going back to a position flushed before. Each life begins with a pair, which is
    missing after a crash if the next crash came before it was written. The very first pair is always there.
    """
    begin = draw(st.integers(0, 50))
    copy, at, flushed, furthest = Copy(), begin, begin, begin
    last = draw(st.integers(0, crashes))
    for life in range(last + 1):
        first = True
        for _ in range(draw(st.integers(1, 30))):
            copy.append(at, pair=(first and (first_pairs or life in (0, last))) or draw(st.booleans()))
            first, at = False, at + 1
            furthest = max(furthest, at)
            if draw(st.integers(0, 5)) == 0:
                flushed = at
        at = flushed
    if caught_up:
        at = copy.log[-1] + 1
        while at < furthest + 1:
            copy.append(at, pair=draw(st.booleans()))
            at += 1
    return copy


def _place(copy: Copy, committed: int) -> tuple[int, bool]:
    found = translate(copy.pairs, committed, 0, len(copy.log))
    return found.offset, found.repeats


@given(copies(), st.data())
def test_every_copied_order_that_was_not_worked_is_found_from_there_on(copy: Copy, data: st.DataObject) -> None:
    committed = data.draw(st.integers(min(copy.log), max(copy.log) + 3))
    place, _ = _place(copy, committed)
    assert 0 <= place <= len(copy.log)
    assert {one for one in copy.log if one >= committed} <= set(copy.log[place:])


@given(copies(), st.data())
def test_what_was_not_worked_comes_in_its_order(copy: Copy, data: st.DataObject) -> None:
    committed = data.draw(st.integers(min(copy.log), max(copy.log) + 3))
    place, _ = _place(copy, committed)
    first = list(dict.fromkeys(one for one in copy.log[place:] if one >= committed))
    assert first == sorted(first), "one customer's orders are in one partition"


@given(copies(crashes=0), st.data())
def test_without_a_crash_it_is_the_very_order(copy: Copy, data: st.DataObject) -> None:
    committed = data.draw(st.integers(min(copy.log), max(copy.log) + 1))
    assert _place(copy, committed) == (committed - copy.log[0], False)


@given(copies(caught_up=True, first_pairs=True), st.data())
def test_after_a_crash_that_was_caught_up_it_is_the_last_copy_of_the_order(copy: Copy, data: st.DataObject) -> None:
    committed = data.draw(st.integers(copy.log[0], max(copy.log)))
    place, _ = _place(copy, committed)
    assert copy.log[place] == committed
    assert committed not in copy.log[place + 1 :]


@given(copies(), st.data())
def test_what_is_called_certain_repeats_nothing(copy: Copy, data: st.DataObject) -> None:
    committed = data.draw(st.integers(min(copy.log), max(copy.log)))
    place, repeats = _place(copy, committed)
    if not repeats:
        assert place == len(copy.log) or copy.log[place] == committed


@given(st.lists(st.integers(1, 4), min_size=1, max_size=40), st.sets(st.integers(0, 39)), st.data())
def test_gaps_at_the_source_lose_nothing_even_where_their_pair_is_missing(
    steps: list[int], with_pair: set[int], data: st.DataObject
) -> None:
    copy, at = Copy(), 0
    for index, step in enumerate(steps):
        copy.append(at, pair=index in with_pair or index in (0, len(steps) - 1))
        at += step
    committed = data.draw(st.integers(0, at))
    place, _ = _place(copy, committed)
    assert {one for one in copy.log if one >= committed} <= set(copy.log[place:])


def test_while_a_crashed_mirror_catches_up_the_earlier_part_is_read() -> None:
    pairs = [OffsetSync(0, 0), OffsetSync(100, 100), OffsetSync(50, 250)]  # 0..249, then from 50 on again
    assert translate(pairs, 120, 0, 401).offset == 120, "201..249 are in the first part only"
    assert translate(pairs, 120, 0, 451).offset == 320, "now all are in the second"


def test_a_commit_below_the_first_pair_starts_at_the_beginning() -> None:
    pairs = [OffsetSync(40, 0), OffsetSync(100, 60)]
    assert translate(pairs, 39, 0, 80).offset == 0
    assert translate(pairs, 39, 0, 80).repeats
    assert translate(pairs, 40, 0, 80).offset == 0
    assert not translate(pairs, 40, 0, 80).repeats
    assert translate([], 7, 3, 9).offset == 3, "no pair at all: nothing is known"


def test_what_retention_has_deleted_at_the_copy_is_not_asked_for() -> None:
    pairs = [OffsetSync(0, 0), OffsetSync(100, 100)]
    assert translate(pairs, 5, 60, 150).offset == 60


def test_a_pair_past_the_end_of_the_log_is_ignored() -> None:
    assert translate([OffsetSync(0, 0), OffsetSync(90, 90)], 50, 0, 80).offset == 50


def test_a_record_of_the_topic_is_topic_partition_and_both_offsets() -> None:
    key = struct.pack(">h", 6) + b"orders" + struct.pack(">i", 11)
    assert parse(key, struct.pack(">qq", 700, 650)) == ("orders", 11, OffsetSync(700, 650))


@pytest.mark.parametrize(("key", "value"), [(b"", b""), (b"\0\6ord", b"\0" * 16), (b"\0\1a\0\0\0\1", None)])
def test_what_is_no_pair_is_left_out(key: bytes, value: bytes | None) -> None:
    assert parse(key, value) is None
