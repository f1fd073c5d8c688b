"""Landau's Modified Worst Fit, written from the papers (arXiv 2206.11170, 2402.06085).

It packs partitions into consumers by their rates, and gives each partition its owner so that few have to move.
"""

import heapq

import numpy as np

from bench.sim.policies import Clock, Rates
from bench.sim.scenario import Floats, Ints, Move, Seen


def modified_worst_fit(rates: Floats, owners: Ints, capacity: float) -> Ints:
    """A new owner for each partition.

    Consumers by what they are to carry, most first: each tries to give its partitions, smallest first, to the new
    consumers opened so far, until one fits in none; then it opens itself and keeps the largest that fit. What is left
    over goes, largest first, to the consumer with the least load that it fits in, or opens its former owner or a new
    one. An empty consumer takes anything.
    """
    sizes: list[float] = rates.tolist()
    bins = _Bins(sizes, capacity)
    held = {int(owner): np.flatnonzero(owners == owner) for owner in np.unique(owners[owners >= 0])}
    left = np.flatnonzero(owners < 0).tolist()
    for owner in sorted(held, key=lambda o: -float(rates[held[o]].sum())):
        mine = sorted(held[owner].tolist(), key=lambda p: -sizes[p])
        while mine and bins.place(mine[-1]):
            mine.pop()
        kept = bins.keep(owner, mine)
        left += mine[kept:]
    for partition in sorted(left, key=lambda p: -sizes[p]):
        if not bins.place(partition):
            former = int(owners[partition])
            opened = former if former >= 0 and former not in bins.opened else bins.unused(held)
            bins.keep(opened, [partition])
    return bins.owners


class _Bins:
    """Consumers opened so far, the one with the least load first."""

    def __init__(self, rates: list[float], capacity: float) -> None:
        self._rates, self._capacity = rates, capacity
        self._heap: list[tuple[float, int]] = []
        self.opened: set[int] = set()
        self.owners = np.full(len(rates), -1, dtype=np.int64)

    def place(self, partition: int) -> bool:
        """Put into the consumer with the least load, if it fits there: if not there, it fits nowhere."""
        if not self._heap:
            return False
        load, owner = self._heap[0]
        total = load + self._rates[partition]
        if load and total > self._capacity:
            return False
        heapq.heapreplace(self._heap, (total, owner))
        self.owners[partition] = owner
        return True

    def keep(self, owner: int, partitions: list[int]) -> int:
        """Open `owner` with the first of `partitions` that fit; how many did."""
        load, kept = 0.0, 0
        for partition in partitions:
            if load and load + self._rates[partition] > self._capacity:
                break
            load += self._rates[partition]
            self.owners[partition] = owner
            kept += 1
        if kept:
            self.opened.add(owner)
            heapq.heappush(self._heap, (load, owner))
        return kept

    def unused(self, held: dict[int, Ints]) -> int:
        numbers = range(len(self.opened) + len(held) + 1)
        return next(number for number in numbers if number not in self.opened and number not in held)


class Landau:
    """Modified Worst Fit at each monitoring interval of `every` seconds; `capacity` is what it fills consumers to."""

    def __init__(self, capacity: float, every: float = 30.0) -> None:
        self._capacity = capacity
        self._clock = Clock(every)
        self._rates = Rates()
        self._plan: Ints | None = None

    def act(self, seen: Seen) -> Move | None:
        if not self._clock.due(seen.now) or not seen.reachable:
            return None
        rates = self._rates.take(seen)
        if rates is None:
            return None
        before = seen.owners if self._plan is None else self._plan
        plan = modified_worst_fit(rates, before, self._capacity)
        if self._plan is not None and (plan == self._plan).all():
            return None
        self._plan = plan
        return Move(int(np.unique(plan).size), plan)
