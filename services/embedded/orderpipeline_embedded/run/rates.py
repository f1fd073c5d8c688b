"""How fast orders come in and go out, from successive readings of offsets. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from orderpipeline_operator.domain.lag.sample import Reading, Reset, position

WINDOW_SECONDS: Final = 5.0
KEPT: Final = 120


@dataclass(frozen=True, slots=True)
class Point:
    """Orders written and orders handled, over all partitions, at a time in seconds of a monotonic clock."""

    at: float
    topic_id: str
    written: int
    handled: int


@dataclass(frozen=True, slots=True)
class Rate:
    """Orders per second, in and out."""

    incoming: float
    outgoing: float


def point(at: float, reading: Reading, reset: Reset) -> Point:
    """The point of one reading."""
    offsets = reading.partitions.values()
    handled = sum(position(one, reset) for one in offsets)
    return Point(at, reading.topic_id, sum(one.end for one in offsets), handled)


def add(points: Sequence[Point], new: Point) -> tuple[Point, ...]:
    """The points with the new one; those of a topic that has been recreated since are dropped."""
    same = [one for one in points if one.topic_id == new.topic_id]
    return (*same, new)[-KEPT:]


def rate(points: Sequence[Point]) -> Rate | None:
    """The rate over about the last WINDOW_SECONDS; None until there are two readings."""
    if len(points) < 2:
        return None
    last = points[-1]
    first = next((one for one in reversed(points[:-1]) if last.at - one.at >= WINDOW_SECONDS), points[0])
    return _between(first, last)


def history(points: Sequence[Point]) -> tuple[Rate, ...]:
    """The rate between each point and the next, oldest first."""
    return tuple(_between(one, two) for one, two in pairwise(points))


def _between(first: Point, last: Point) -> Rate:
    seconds = max(last.at - first.at, 0.001)
    # A commit may be lost when a consumer dies: a step back is not a negative rate.
    return Rate(max(last.written - first.written, 0) / seconds, max(last.handled - first.handled, 0) / seconds)
