"""Which offset of one partition may be committed while its records finish in any order."""

from collections import deque
from collections.abc import Collection, Sequence


class Run:
    """Records that follow one another, were begun together and finish together."""

    __slots__ = ("_first", "_left", "count", "done")

    def __init__(self, first: int, count: int) -> None:
        """`first` is the first record's offset."""
        self._first = first
        self._left: deque[int] | None = None
        self.count = count
        self.done = False

    def split(self, offsets: Sequence[int]) -> None:
        """From now on its records finish one by one."""
        self._left = deque(offsets)

    @property
    def position(self) -> int:
        """Offset of the first record that is not finished."""
        return self._left[0] if self._left else self._first

    def advance(self, finished: set[int]) -> int:
        """Take from `finished` what lies at the front; returns how many that were."""
        left, passed = self._left, 0
        while left and left[0] in finished:
            finished.discard(left.popleft())
            passed += 1
        self.count -= passed
        self.done = self.done or (left is not None and not left)
        return passed

    def position_with(self, finished: Collection[int], more: Collection[int]) -> int | None:
        """Offset of the first record that would be open if these were finished; None when none would."""
        if self.done:
            return None
        if self._left is None:
            return self._first
        return next((offset for offset in self._left if offset not in finished and offset not in more), None)


class Offsets:
    """Offsets received and finished of one assignment of one partition.

    A commit names the next offset to read, so it may only pass records that are finished. Offsets have holes
    (compaction, transaction markers, aborted records): only what was received is waited for, never the numbers in
    between. Records come in lots and are begun in their order, as runs or one by one."""

    __slots__ = ("_begun", "_edge", "_finished", "_next", "span")

    def __init__(self) -> None:
        self._begun: deque[Run] = deque()
        self._finished: set[int] = set()
        self._next: int | None = None
        self._edge: int | None = None
        self.span = 0
        """Records received and not yet behind the position, finished or not: what a crash would deliver again."""

    @property
    def edge(self) -> int | None:
        """One past the last record seen; None before the first."""
        return self._edge

    @property
    def position(self) -> int | None:
        """The offset to commit: everything received below it is finished. None before the first record."""
        if self._begun:
            return self._begun[0].position
        return self._edge if self._next is None else self._next

    def received(self, first: int, last: int, count: int) -> None:
        """Note `count` records; offsets must rise. Raises ValueError when they do not."""
        if self._edge is not None and first < self._edge:
            raise ValueError(
                f"offset {first} came after {self._edge - 1}; start a new Offsets when a partition goes back"
            )
        if self._next is None:
            self._next = first
        self._edge = last + 1
        self.span += count

    def begun(self, run: Run, following: int | None) -> None:
        """The next records received are under way; `following` is the offset of the one after them, if there is."""
        self._begun.append(run)
        self._next = following

    def reached(self, offset: int) -> None:
        """The broker has nothing below `offset` that was not received (end of partition, past trailing markers)."""
        if self._edge is None or offset > self._edge:
            self._edge = offset

    def finished(self, offsets: Collection[int]) -> None:
        """Note that records of runs that were split are done with, handled or in the dead letters."""
        self._finished.update(offsets)
        self._advance()

    def finished_run(self, run: Run) -> None:
        """Note that all records of a run are done with."""
        run.done = True
        self._advance()

    def _advance(self) -> None:
        while self._begun:
            run = self._begun[0]
            if run.done:
                self.span -= run.count
            else:
                self.span -= run.advance(self._finished)
                if not run.done:
                    return
            self._begun.popleft()

    def position_with(self, offsets: Collection[int] = (), run: Run | None = None) -> int | None:
        """The position that would hold if `offsets` and `run` were finished too; changes nothing."""
        for begun in self._begun:
            if begun is not run and (position := begun.position_with(self._finished, offsets)) is not None:
                return position
        return self._edge if self._next is None else self._next
