"""Progress of what takes a while, with an estimate, on standard error: one line that changes, or lines in a log."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TextIO

EVERY_SECONDS: Final = 5.0
"""Between two lines where a line cannot be replaced."""


def remaining(elapsed: float, done: int, total: int) -> float | None:
    """Seconds that are left at the rate so far; None while nothing is done."""
    return elapsed / done * (total - done) if done > 0 else None


def line(what: str, done: int, total: int, elapsed: float) -> str:
    """Such as `producers: 3 of 12 pods, about 20 s left`."""
    left = remaining(elapsed, done, total)
    told = f"{what}: {done} of {total}"
    return told if left is None or done >= total else f"{told}, about {left:.0f} s left"


@dataclass
class Progress:
    """Shows lines. `clock` is monotonic; `quiet` shows nothing."""

    clock: Callable[[], float]
    stream: TextIO = sys.stderr
    quiet: bool = False
    _shown: str = ""
    _at: float = float("-inf")

    def show(self, text: str) -> None:
        """Show a line in place of the former one; without a terminal at most every five seconds."""
        if self.quiet or text == self._shown:
            return
        now = self.clock()
        if self.stream.isatty():
            self.stream.write(f"\r\x1b[K{text}")
        elif now - self._at >= EVERY_SECONDS:
            self.stream.write(f"{text}\n")
            self._at = now
        else:
            return
        self._shown = text
        self.stream.flush()

    def end(self, text: str = "") -> None:
        """Leave the line, with a last text if there is one to say."""
        if self.quiet:
            return
        if self.stream.isatty() and self._shown:
            self.stream.write("\r\x1b[K")
        if text:
            self.stream.write(f"{text}\n")
        self.stream.flush()
