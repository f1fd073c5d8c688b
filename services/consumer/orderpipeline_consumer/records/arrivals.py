"""When the records of a partition were received, to tell how long the oldest one that is not complete has waited."""

from typing import Final

MAX_POINTS: Final = 256
"""Points that are kept; beyond that every second one is dropped, which can make the age a little too low."""


class Arrivals:
    """The times of one assignment of one partition, in seconds of a monotonic clock."""

    __slots__ = ("_points",)

    def __init__(self) -> None:
        self._points: list[tuple[int, float]] = []
        """Ends, one past the last record received by then, and times; both ascend."""

    def note(self, end: int | None, now: float) -> None:
        """By `now`, all records below the offset `end` are there."""
        if end is None or (self._points and end <= self._points[-1][0]):
            return
        self._points.append((end, now))
        if len(self._points) > MAX_POINTS:
            # The newer ones are kept: whatever was received between two points then counts as received at the later.
            del self._points[0::2]

    def oldest(self, position: int | None) -> float | None:
        """When the record at `position`, the first that is not complete, was received; None if none is waiting."""
        if position is None:
            return None
        done = next((at for at, (end, _) in enumerate(self._points) if end > position), len(self._points))
        del self._points[:done]
        return self._points[0][1] if self._points else None

    def clear(self) -> None:
        """What was received is of another log."""
        self._points.clear()
