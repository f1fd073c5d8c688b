"""Which offset of a partition may be committed while its records complete in any order."""

from collections import deque
from collections.abc import Collection, Sequence

from orderpipeline_consumer.records.completed import Completed, merge
from orderpipeline_consumer.records.log_position import LogPosition


class InFlightRange:
    """Consecutive records that were started together and complete together, unless they are split."""

    __slots__ = ("_first_offset", "_remaining", "count", "done", "last_offset")

    def __init__(self, first_offset: int, count: int, last_offset: int | None = None) -> None:
        """`last_offset` may be left out if there are no gaps between the offsets."""
        self._first_offset = first_offset
        self.last_offset = first_offset + count - 1 if last_offset is None else last_offset
        self._remaining: deque[int] | None = None
        self.count = count
        self.done = False

    def split(self, offsets: Sequence[int]) -> None:
        """From now on the records complete one by one; `offsets` are those of all of them."""
        self._remaining = deque(offsets)

    @property
    def position(self) -> int:
        """The offset of the first record that is not complete."""
        return self._remaining[0] if self._remaining else self._first_offset

    def advance(self, completed: set[int]) -> int:
        """Remove completed records from the front, here and from `completed`; returns how many there were."""
        remaining, passed = self._remaining, 0
        while remaining and remaining[0] in completed:
            completed.discard(remaining.popleft())
            passed += 1
        self.count -= passed
        self.done = self.done or (remaining is not None and not remaining)
        return passed

    def position_if(self, completed: Collection[int], more: Collection[int]) -> int | None:
        """The position if these records were complete too; None if that is all of them."""
        if self.done:
            return None
        if self._remaining is None:
            return self._first_offset
        return next((offset for offset in self._remaining if offset not in completed and offset not in more), None)


class OffsetTracker:
    """The offsets received and completed in one assignment of one partition.

    A commit names the next offset to read, so it may only pass records that are complete. Offsets have gaps
    (compaction, transaction markers, aborted records), so only records that were received are waited for, never the
    numbers in between. Records are started in the order of their offsets, in ranges.
    """

    __slots__ = ("_completed", "_epochs", "_in_flight", "_next_to_start", "next_offset", "uncommitted")

    def __init__(self, start: LogPosition | None = None) -> None:
        """Reading begins at `start`; None if that is not known yet."""
        self._in_flight: deque[InFlightRange] = deque()
        self._completed: set[int] = set()
        self._next_to_start: int | None = None
        self._epochs: list[tuple[int, int | None]] = [] if start is None else [(start.offset, start.leader_epoch)]
        self.next_offset: int | None = None if start is None else start.offset
        """One past the last record received, or where the log goes on after a gap."""
        self.uncommitted = 0
        """Records received at or above the position, complete or not: what a crash would deliver again."""

    @property
    def position(self) -> int | None:
        """The offset to commit: every record received below it is complete. None while the start is unknown."""
        if self._in_flight:
            return self._in_flight[0].position
        return self.next_offset if self._next_to_start is None else self._next_to_start

    def at(self, offset: int) -> LogPosition:
        """The position `offset` with the leader epoch of the record before it."""
        for end, leader_epoch in reversed(self._epochs):
            if end <= offset:
                return LogPosition(offset, leader_epoch)
        return LogPosition(offset)

    def receive(self, first: int, last: int, count: int, leader_epoch: int | None = None) -> None:
        """Record that `count` records of one leader epoch were received. Raises ValueError unless offsets increase."""
        if self.next_offset is not None and first < self.next_offset:
            raise ValueError(
                f"offset {first} came after {self.next_offset - 1}; "
                "start a new OffsetTracker when the log was truncated or recreated"
            )
        if self._next_to_start is None:
            self._next_to_start = first
        if not self._epochs or self._epochs[-1][1] != leader_epoch:
            self._epochs.append((first + 1, leader_epoch))
        self.next_offset = last + 1
        self.uncommitted += count

    def skip_to(self, offset: int) -> None:
        """The log has no records below `offset` but those received (the partition's end, past transaction markers)."""
        if self.next_offset is None or offset > self.next_offset:
            self.next_offset = offset

    def start(self, records: InFlightRange, following: int | None) -> None:
        """The next records received are in flight; `following` is the offset of the record after them, if any."""
        self._in_flight.append(records)
        self._next_to_start = following

    def complete(self, offsets: Collection[int]) -> None:
        """Records of ranges that were split are complete: handled, or written as dead letters."""
        self._completed.update(offsets)
        self._advance()

    def complete_range(self, records: InFlightRange) -> None:
        """All records of the range are complete."""
        records.done = True
        self._advance()

    def completed_from(self, position: int) -> Completed | None:
        """What is complete from `position` on, of the present leader epoch; None if nothing is. From any thread."""
        end, leader_epoch = self._epochs[-1] if self._epochs else (0, None)
        if leader_epoch is None:
            return None
        whole = [(each.position, each.last_offset) for each in list(self._in_flight) if each.done]
        ranges = merge([*whole, *((offset, offset) for offset in list(self._completed))], max(position, end - 1))
        return Completed(leader_epoch, ranges) if ranges else None

    def position_if(self, completed: Collection[int] = (), records: InFlightRange | None = None) -> LogPosition:
        """The position if `completed` and all of `records` were complete too; changes nothing. Requires that records
        were received."""
        for each in self._in_flight:
            if each is not records and (position := each.position_if(self._completed, completed)) is not None:
                return self.at(position)
        position = self.next_offset if self._next_to_start is None else self._next_to_start
        assert position is not None
        return self.at(position)

    def _advance(self) -> None:
        while self._in_flight:
            oldest = self._in_flight[0]
            if oldest.done:
                self.uncommitted -= oldest.count
            else:
                self.uncommitted -= oldest.advance(self._completed)
                if not oldest.done:
                    return
            self._in_flight.popleft()
