"""Keeps a number of processes of one service running: starts, restarts with growing waits, stops in good order.

`tick()` does what is due and never blocks; time and the making of processes are arguments.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Final, Protocol

BACKOFF_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS: Final = 30.0
"""A process that has run for so long has started well; its next restart does not wait long."""


class Child(Protocol):
    """One process."""

    def poll(self) -> int | None:
        """The exit status, None while it runs."""

    def terminate(self) -> None:
        """Ask it to drain and end."""

    def kill(self) -> None:
        """End it at once."""


@dataclass
class _Slot:
    child: Child | None = None
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0
    kill_at: float | None = None
    """Set once it was asked to end."""


class Fleet:
    """The processes of one service, numbered from 0; the highest numbers go first, unless others are named.

    `spawn(number)` makes one, `tell(text)` is told of what happens, `last_words(number)` is the end of its log.
    `grace` is how many seconds a process may take to drain before it is killed.
    """

    def __init__(
        self,
        name: str,
        spawn: Callable[[int], Child],
        *,
        now: Callable[[], float],
        tell: Callable[[str], None],
        last_words: Callable[[int], str],
        grace: float,
    ) -> None:
        self.name = name
        self.killed = 0
        """Processes that did not end in time, or failed to drain."""
        self._spawn, self._now, self._tell, self._last_words = spawn, now, tell, last_words
        self._grace = grace
        self._wanted: set[int] = set()
        self._slots: dict[int, _Slot] = {}

    @property
    def running(self) -> int:
        """Processes that work: alive and not asked to end."""
        return sum(slot.child is not None and slot.kill_at is None for slot in self._slots.values())

    @property
    def alive(self) -> int:
        """All processes, those that drain included."""
        return sum(slot.child is not None for slot in self._slots.values())

    @property
    def desired(self) -> int:
        """How many are wanted."""
        return len(self._wanted)

    def scale(self, desired: int, leaving: Sequence[int] = ()) -> None:
        """Want so many from the next `tick` on. Of too many, the numbers `leaving` go first, the first first."""
        highest = sorted(self._wanted.difference(leaving), reverse=True)
        order = [number for number in (*leaving, *highest) if number in self._wanted]
        self._wanted.difference_update(order[: max(len(order) - desired, 0)])
        free = (number for number in count() if number not in self._wanted)
        self._wanted.update(list(islice(free, desired - len(self._wanted))))

    def tick(self) -> None:
        """Bury the dead, start what is missing, ask what is too much to end, kill what did not end in time."""
        now = self._now()
        for number in sorted(self._wanted | self._slots.keys()):
            slot = self._slots.setdefault(number, _Slot())
            if slot.child is not None:
                self._watch(number, slot, now)
            if number in self._wanted:
                if slot.child is None and now >= slot.not_before:
                    slot.child, slot.started, slot.kill_at = self._spawn(number), now, None
            elif slot.child is None:
                del self._slots[number]
            elif slot.kill_at is None:
                slot.child.terminate()
                slot.kill_at = now + self._grace

    def kill(self) -> None:
        """End all of them at once."""
        for slot in self._slots.values():
            if slot.child is not None:
                slot.child.kill()

    def _watch(self, number: int, slot: _Slot, now: float) -> None:
        assert slot.child is not None
        status = slot.child.poll()
        if status is None:
            if slot.kill_at is not None and now >= slot.kill_at:
                self._tell(f"{self.name} {number} did not end within {self._grace:.0f} s; killed")
                slot.child.kill()
                slot.kill_at = now + self._grace
                self.killed += 1
            return
        asked, slot.child, slot.kill_at = slot.kill_at is not None, None, None
        if asked:
            if status:
                self.killed += status > 0
                self._tell(f"{self.name} {number} ended with status {status}: {self._last_words(number)}")
            return
        slot.failures = 0 if now - slot.started >= STEADY_SECONDS else slot.failures + 1
        wait = BACKOFF_SECONDS[min(slot.failures, len(BACKOFF_SECONDS) - 1)]
        slot.not_before = now + wait
        words = self._last_words(number)
        self._tell(f"{self.name} {number} ended by itself, status {status}; again in {wait:g} s: {words}")
