"""The age of orders when they are committed, from readings of all partitions' end and committed offsets. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class OffsetReading:
    """Each partition's end and committed offset, in the same order, and the times in seconds at which the ends and then
    the commits were read."""

    ends_at: float
    ends: tuple[int, ...]
    committed_at: float
    committed: tuple[int, ...]


def ages(readings: Sequence[OffsetReading]) -> list[tuple[float, int]]:
    """An upper bound on ages: (seconds, orders) for what was committed between two readings, each as old as the oldest.

    An order counts as written at the last reading that did not show it and as committed at the first that did, so its
    true age is lower by at most two intervals between readings.
    """
    found = []
    for partition in range(len(readings[0].ends) if readings else 0):
        ends = [reading.ends[partition] for reading in readings]
        for before, after in pairwise(readings):
            first, last = before.committed[partition], after.committed[partition]
            if last <= first:
                continue
            seen = bisect_left(ends, first + 1)  # the first reading with the oldest order in the log
            if seen:
                found.append((after.committed_at - readings[seen - 1].ends_at, last - first))
    return found


def quantile(weighed: Sequence[tuple[float, int]], share: float) -> float | None:
    """The age that `share` of the orders do not exceed; None if there are no orders."""
    total, passed = sum(orders for _, orders in weighed), 0
    for age, orders in sorted(weighed):
        passed += orders
        if passed >= share * total:
            return age
    return None
