"""Keeps a number of processes of one service running: starts them, restarts them with backoff, lets them drain.

`tick()` does what is due and never blocks; the clock and the way to start a process are arguments.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Final, Protocol

BACKOFF_SECONDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
RESTART_SECONDS: Final = 10.0
"""A process that is not well has that long to end by itself."""
STEADY_SECONDS: Final = 30.0
"""After this long a start counts as successful, and the backoff begins again."""


class Child(Protocol):
    """One process."""

    def poll(self) -> int | None:
        """The exit status, None while it runs."""

    def terminate(self) -> None:
        """Ask it to drain and exit."""

    def kill(self) -> None:
        """Kill it."""


@dataclass
class _Slot:
    child: Child | None = None
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0
    kill_at: float | None = None
    """Set once it has been asked to exit."""
    patience: float = 0.0
    """For how many seconds it is let drain then."""
    unwell: bool = False
    """Whether it was asked to because it is not well."""


class Fleet:
    """The processes of one service, numbered from 0. Scaling down stops the highest numbers unless others are named.

    `spawn(number)` starts one, `report(text)` gets what happens, `last_line(number)` is the end of its log. A process
    that has not drained within `grace` seconds is killed.
    """

    def __init__(
        self,
        name: str,
        spawn: Callable[[int], Child],
        *,
        now: Callable[[], float],
        report: Callable[[str], None],
        last_line: Callable[[int], str],
        grace: float,
    ) -> None:
        self.name = name
        self.killed = 0
        """Processes that did not exit in time, or failed to drain."""
        self._spawn, self._now, self._report, self._last_line = spawn, now, report, last_line
        self._grace = grace
        self._desired: set[int] = set()
        self._slots: dict[int, _Slot] = {}

    @property
    def running(self) -> int:
        """Processes at work: alive and not asked to exit."""
        return sum(slot.child is not None and slot.kill_at is None for slot in self._slots.values())

    @property
    def at_work(self) -> tuple[tuple[int, float], ...]:
        """Number and start of each process that is alive and was not asked to exit."""
        return tuple(
            (number, slot.started)
            for number, slot in sorted(self._slots.items())
            if slot.child is not None and slot.kill_at is None
        )

    @property
    def alive(self) -> int:
        """All processes, including those that drain."""
        return sum(slot.child is not None for slot in self._slots.values())

    @property
    def desired(self) -> int:
        """How many are desired."""
        return len(self._desired)

    def scale(self, desired: int, leaving: Sequence[int] = ()) -> None:
        """Set the desired number as of the next `tick`. Surplus ones stop: `leaving` in order, then the highest."""
        highest = sorted(self._desired.difference(leaving), reverse=True)
        order = [number for number in (*leaving, *highest) if number in self._desired]
        self._desired.difference_update(order[: max(len(order) - desired, 0)])
        free = (number for number in count() if number not in self._desired)
        self._desired.update(list(islice(free, desired - len(self._desired))))

    def tick(self) -> None:
        """Reap exited processes, start missing ones, stop surplus ones, kill those that did not exit in time."""
        now = self._now()
        for number in sorted(self._desired | self._slots.keys()):
            slot = self._slots.setdefault(number, _Slot())
            if slot.child is not None:
                self._watch(number, slot, now)
            if number in self._desired:
                if slot.child is None and now >= slot.not_before:
                    slot.child, slot.started, slot.kill_at = self._spawn(number), now, None
                    slot.unwell = False
            elif slot.child is None:
                del self._slots[number]
            elif slot.kill_at is None:
                self._ask_to_exit(slot, self._grace)

    def restart(self, number: int, why: str) -> None:
        """End a process that is not well; `tick` starts it again."""
        slot = self._slots[number]
        if slot.child is None or slot.kill_at is not None:
            return
        self._report(f"{self.name} {number} is restarted, since it is not well: {why}")
        slot.unwell = True
        self._ask_to_exit(slot, min(self._grace, RESTART_SECONDS))

    def kill(self) -> None:
        """Kill all of them."""
        for slot in self._slots.values():
            if slot.child is not None:
                slot.child.kill()

    def _ask_to_exit(self, slot: _Slot, patience: float) -> None:
        assert slot.child is not None
        slot.child.terminate()
        slot.kill_at, slot.patience = self._now() + patience, patience

    def _watch(self, number: int, slot: _Slot, now: float) -> None:
        assert slot.child is not None
        status = slot.child.poll()
        if status is None:
            if slot.kill_at is not None and now >= slot.kill_at:
                self._report(f"{self.name} {number} did not exit within {slot.patience:.0f} s; killed")
                slot.child.kill()
                slot.kill_at = now + slot.patience
                self.killed += not slot.unwell
            return
        asked, slot.child, slot.kill_at = slot.kill_at is not None, None, None
        if asked:
            if status and not slot.unwell:
                self.killed += status > 0
                self._report(f"{self.name} {number} exited with status {status}: {self._last_line(number)}")
            return
        slot.failures = 0 if now - slot.started >= STEADY_SECONDS else slot.failures + 1
        wait = BACKOFF_SECONDS[min(slot.failures, len(BACKOFF_SECONDS) - 1)]
        slot.not_before = now + wait
        line = self._last_line(number)
        self._report(f"{self.name} {number} exited unexpectedly, status {status}; restart in {wait:g} s: {line}")
