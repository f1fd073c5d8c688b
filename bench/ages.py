"""How old orders are when they are committed, from looks at the ends and the commits of all partitions. Pure."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Look:
    """Ends and commits of each partition, in the same order, and when (in seconds) they were read: first the ends,
    then the commits."""

    ends_at: float
    ends: tuple[int, ...]
    committed_at: float
    committed: tuple[int, ...]


def ages(looks: Sequence[Look]) -> list[tuple[float, int]]:
    """(seconds, orders) for what was committed between each two looks, the oldest of them counted for all: at most.

    An order counts as written at the last look that did not see it yet, and as committed at the first that does, so a
    true age is never more, and less by at most two distances between looks.
    """
    found = []
    for partition in range(len(looks[0].ends) if looks else 0):
        ends = [look.ends[partition] for look in looks]
        for before, after in pairwise(looks):
            first, last = before.committed[partition], after.committed[partition]
            if last <= first:
                continue
            seen = bisect_left(ends, first + 1)  # the first look at which the oldest order was in the log
            if seen:
                found.append((after.committed_at - looks[seen - 1].ends_at, last - first))
    return found


def quantile(weighed: Sequence[tuple[float, int]], share: float) -> float | None:
    """The age that `share` of the orders do not exceed; None without orders."""
    total, passed = sum(orders for _, orders in weighed), 0
    for age, orders in sorted(weighed):
        passed += orders
        if passed >= share * total:
            return age
    return None
