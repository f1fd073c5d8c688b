"""How old a lag is: the time by which the position lags behind, from end offsets that were seen over time.

Kafka gives no times with offsets, so the end offsets of each reading are kept with the time of the reading: an order
arrived between the last reading that did not have it and the first that did.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

MAX_POINTS = 60
"""Readings whose end offsets are kept; beyond that every second one of the older ones is dropped."""

Ends = tuple[float, "array[int]"]
"""A time, in seconds of a monotonic clock, and the end offset of each partition then."""

NONE = -1
"""Instead of an index, where nothing waits."""


def first_points(
    points: Sequence[Ends], ends: Sequence[int], positions: Sequence[int], known_since: Sequence[float]
) -> list[int]:
    """For each partition the index of the first point that has its oldest waiting order; NONE where nothing waits.

    `points` end with the present `ends`; what they say of a partition before `known_since` does not count.
    """
    last, before = len(points) - 1, points[-2] if len(points) > 1 else None
    oldest, at_first = points[0]
    found = []
    for i, (end, at) in enumerate(zip(ends, positions, strict=True)):
        if at >= end:
            found.append(NONE)
        elif before is not None and known_since[i] <= before[0] and before[1][i] <= at:
            found.append(last)  # most of what waits arrived since the last reading
        elif known_since[i] <= oldest and at_first[i] > at:
            found.append(0)  # and much of the rest was there before the first
        else:
            found.append(bisect_right(points, at, lo=_since(points, known_since[i]), key=lambda point: point[1][i]))
    return found


def age(
    points: Sequence[Ends], first: int, i: int, position: int, known_since: float, now: float
) -> tuple[float, bool]:
    """Seconds since the order at `position` of the i-th partition arrived, and whether that is only a lower bound.

    `first` is its index by `first_points`.
    """
    at, ends = points[first]
    if first == 0 or first == _since(points, known_since):
        return now - at, True
    since, before = points[first - 1]
    # The order arrived between two points; ends are taken to grow evenly between them.
    return now - (since + (at - since) * (position + 1 - before[i]) / (ends[i] - before[i])), False


def still_needed(points: tuple[Ends, ...], found: Sequence[int]) -> tuple[Ends, ...]:
    """The points from the last one that did not have the oldest waiting order; thinned when they are many."""
    oldest = min((one for one in found if one != NONE), default=len(points))
    kept = points[max(oldest - 1, 0) :]
    if len(kept) > MAX_POINTS:
        kept = (kept[0], *kept[1 : MAX_POINTS // 2 : 2], *kept[MAX_POINTS // 2 :])
    return kept


def _since(points: Sequence[Ends], known_since: float) -> int:
    # The first point from then on: that of then may have been dropped, and an older one may lack the partition.
    return 0 if known_since <= points[0][0] else bisect_left(points, known_since, key=lambda point: point[0])
