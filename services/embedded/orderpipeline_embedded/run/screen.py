"""Shows a run: a live view on a terminal, lines anywhere else."""

import sys
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.live import Live

from orderpipeline_embedded.run.view import Snapshot, line, live_view

LINE_SECONDS: Final = 5.0
"""Seconds between two status lines."""


class Screen:
    """Shows events and snapshots as they come. With `live` False a terminal gets lines, too."""

    def __init__(self, live: bool, *, clock: Callable[[], datetime] = datetime.now) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._want_live = live and self._console.is_terminal and sys.stdin.isatty()
        self._clock = clock
        self._live: Live | None = None
        self._last_line = 0.0
        self._unprinted: deque[str] = deque(maxlen=100)
        self.events: deque[tuple[str, str]] = deque(maxlen=100)

    def report(self, text: str) -> None:
        """Show an event."""
        at = self._clock().strftime("%H:%M:%S")
        self.events.append((at, text))
        if self._live is None:
            self._print(f"{at} {text}")
        else:
            self._unprinted.append(f"{at} {text}")

    def show(self, now: Snapshot) -> None:
        """Show the state."""
        if self._want_live:
            if self._live is None:
                self._live = Live(console=self._console, screen=True, auto_refresh=False)
                self._live.start()
            self._live.update(live_view(now), refresh=True)
            return
        at = self._clock()
        if at.timestamp() - self._last_line >= LINE_SECONDS:
            self._last_line = at.timestamp()
            self._print(f"{at:%H:%M:%S} {line(now)}")

    def close(self) -> None:
        """Leave the live view and print the events that only it has shown; from now on all are printed."""
        live, self._live, self._want_live = self._live, None, False
        if live is not None:
            live.stop()
        while self._unprinted:
            self._print(self._unprinted.popleft())

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False)
        self._console.file.flush()
