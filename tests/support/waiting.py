"""Waiting in tests: for a condition, with a deadline that only a failure meets, and with words for what was awaited."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 120.0
"""Default deadline. It is generous, since a test must hold on a machine that is three times slower, or busy."""


class Deadline:
    """The time until which something must have happened; it starts now."""

    def __init__(self, what: str, seconds: float = SECONDS, detail: Callable[[], object] = str) -> None:
        self._what = what
        self._seconds = seconds
        self._detail = detail
        self._end = time.monotonic() + seconds

    def check(self, last: object = "") -> None:
        """AssertionError once time is up: what was awaited, what was `last` seen instead, and `detail()`."""
        if time.monotonic() > self._end:
            notes = [str(note) for note in (last, self._detail()) if note]
            raise AssertionError("\n".join([f"{self._what}: not within {self._seconds:g} s", *notes]))


def wait_until(
    what: str,
    condition: Callable[[], T],
    *,
    seconds: float = SECONDS,
    every: float = 0.05,
    detail: Callable[[], object] = str,
    tolerate: tuple[type[Exception], ...] = (),
) -> T:
    """The first true value of `condition`, which is asked every `every` seconds.

    An exception of a type in `tolerate` counts as not yet. AssertionError that names `what`, the last tolerated
    exception and `detail()` when `seconds` are over.
    """
    deadline = Deadline(what, seconds, detail)
    failed: object = ""
    while True:
        try:
            if value := condition():
                return value
        except tolerate as error:
            failed = error
        deadline.check(failed)
        time.sleep(every)


async def eventually(
    what: str,
    condition: Callable[[], Awaitable[T]],
    *,
    seconds: float = SECONDS,
    every: float = 0.1,
    detail: Callable[[], object] = str,
) -> T:
    """As `wait_until`, for a condition that is awaited."""
    deadline = Deadline(what, seconds, detail)
    while not (value := await condition()):
        deadline.check()
        await asyncio.sleep(every)
    return value


async def settles(what: str, condition: Callable[[], object], *, every: float = 0.01) -> None:
    """Let the event loop run until `condition` is true, a minute at most."""
    deadline = Deadline(what, 60.0)
    while not condition():
        deadline.check()
        await asyncio.sleep(every)
