"""Supervision of everything that runs in the background: which loop, thread or timer has ended or hangs.

Pure but for the clock. `background.py` starts what is supervised, `activities.py` lists it. All methods may be called
from any thread, so that a probe can ask while the loop that it asks about hangs.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from orderpipeline_common.backoff import backoff

STEADY_SECONDS: Final = 60.0
"""After this long without a failure, the backoff between restarts begins again."""
NAMED: Final = 3
"""Most activities that one report names; it counts the others."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a kind of activity is supervised.

    Its next turn is due within `seconds`. If it ends by itself, it is started again after a backoff, or, without
    `restart`, the process ends.
    """

    name: str
    seconds: float
    restart: bool = True


class Turn(Protocol):
    """Called by an activity for each turn that it makes."""

    def __call__(self, seconds: float | None = None) -> None:
        """The next turn is due within `seconds`, by default those of the rule."""


def no_turn(seconds: float | None = None) -> None:
    """The `Turn` of a loop that nobody supervises."""


class Activity:
    """One loop, thread or timer. `name` is its rule's, and what tells it from others of the same rule."""

    def __init__(self, rule: Rule, instance: str, clock: Callable[[], float]) -> None:
        self.rule = rule
        self.name = f"{rule.name} {instance}".rstrip()
        self._clock = clock
        self._started = self._turned = clock()
        self._due: float | None = self._turned + rule.seconds
        self._failures = 0
        self._failure = ""
        self.note = ""
        """What it can't do at the moment while it does the rest; empty if there is nothing."""
        self.ended = False
        """Whether it has ended by itself for good."""

    def turn(self, seconds: float | None = None) -> None:
        """It works; the next turn is due within `seconds`, by default those of the rule."""
        self._turned = now = self._clock()
        self._due = now + (self.rule.seconds if seconds is None else seconds)

    def idle(self) -> None:
        """It waits on purpose, for as long as that takes."""
        self._turned, self._due = self._clock(), None

    def failed(self, why: str) -> float | None:
        """It ended by itself: seconds until it is to be started again; None if the process has to end."""
        now = self._clock()
        self._failures = 1 if now - self._started >= STEADY_SECONDS else self._failures + 1
        self._failure = why
        if not self.rule.restart:
            self.ended = True
            return None
        wait = backoff(self._failures)
        self._started = now + wait
        self.turn(wait + self.rule.seconds)
        return wait

    @property
    def silent(self) -> float:
        """Seconds since its last turn; 0 while it is idle."""
        return 0.0 if self._due is None else self._clock() - self._turned

    def problem(self) -> str:
        """Why the process should be restarted, or an empty string."""
        if self.ended:
            return f"{self.name} has ended: {self._failure}"
        due = self._due
        if due is None or self._clock() <= due:
            return ""
        return f"{self.name} has made no turn for {self.silent:.0f} s"

    def warning(self) -> str:
        """What it can't do, or that it failed again and again; an empty string if neither."""
        if self.note:
            return f"{self.name}: {self.note}"
        if self._failures < 2 or self._clock() - self._started >= STEADY_SECONDS:
            return ""
        return f"{self.name} failed {self._failures} times in a row: {self._failure}"


class Supervisor:
    """All activities of a process. `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._activities: list[Activity] = []

    def add(self, rule: Rule, instance: str = "") -> Activity:
        """Supervise one more activity, whose first turn begins now."""
        activity = Activity(rule, instance, self._clock)
        with self._lock:
            self._activities.append(activity)
        return activity

    def remove(self, activity: Activity) -> None:
        """It has ended on purpose. One that ended by itself for good stays known."""
        if not activity.ended:
            with self._lock:
                self._activities.remove(activity)

    @contextmanager
    def supervised(self, rule: Rule, instance: str = "") -> Iterator[Activity]:
        """Supervise an activity until the block is left."""
        activity = self.add(rule, instance)
        try:
            yield activity
        finally:
            self.remove(activity)

    def names(self) -> list[str]:
        """The names of all activities, those of the same rule once for each instance."""
        return [each.name for each in self._all()]

    def problem(self) -> str:
        """Which activities have ended or are late, or an empty string."""
        found = [text for each in self._all() if (text := each.problem())]
        more = len(found) - NAMED
        return "; ".join(found[:NAMED] + ([f"and {more} more"] if more > 0 else []))

    def warnings(self) -> list[str]:
        """Which activities can't do all of their work or fail again and again, and why."""
        return [text for each in self._all() if (text := each.warning())]

    def _all(self) -> list[Activity]:
        with self._lock:
            return list(self._activities)
