"""Which offset of one partition may be committed while its records finish in any order."""

from collections import deque
from collections.abc import Collection


class Offsets:
    """Offsets received and finished of one assignment of one partition.

    A commit names the next offset to read, so it may only pass records that are finished. Offsets have holes
    (compaction, transaction markers, aborted records): only what was received is waited for, never the numbers in
    between."""

    __slots__ = ("_edge", "_finished", "_held")

    def __init__(self) -> None:
        self._held: deque[int] = deque()
        self._finished: set[int] = set()
        self._edge: int | None = None

    @property
    def edge(self) -> int | None:
        """One past the last record seen; None before the first."""
        return self._edge

    @property
    def span(self) -> int:
        """Records received and not yet behind the position, finished or not: what a crash would deliver again."""
        return len(self._held)

    @property
    def position(self) -> int | None:
        """The offset to commit: everything received below it is finished. None before the first record."""
        return self._held[0] if self._held else self._edge

    def received(self, offset: int) -> None:
        """Note a record; offsets must rise. Raises ValueError when they do not."""
        if self._edge is not None and offset < self._edge:
            raise ValueError(
                f"offset {offset} came after {self._edge - 1}; start a new Offsets when a partition goes back"
            )
        self._held.append(offset)
        self._edge = offset + 1

    def reached(self, offset: int) -> None:
        """The broker has nothing below `offset` that was not received (end of partition, past trailing markers)."""
        if self._edge is None or offset > self._edge:
            self._edge = offset

    def finished(self, offset: int) -> None:
        """Note that a received record is done with, handled or in the dead letters."""
        self._finished.add(offset)
        while self._held and self._held[0] in self._finished:
            self._finished.discard(self._held.popleft())

    def position_with(self, offsets: Collection[int]) -> int | None:
        """The position that would hold if `offsets` were finished too; changes nothing."""
        for held in self._held:
            if held not in self._finished and held not in offsets:
                return held
        return self._edge
