"""Landau's Modified Worst Fit, written from the papers (arXiv 2206.11170, 2402.06085).

It packs partitions into consumers by their rates and assigns owners so that few partitions move.
"""

import heapq

import numpy as np

from bench.sim.policies import Clock, Rates
from bench.sim.scenario import Action, Floats, Ints, Observation


def modified_worst_fit(rates: Floats, owners: Ints, capacity: float) -> Ints:
    """A new owner for each partition.

    Consumers with the highest load come first. Each tries to move its partitions, smallest first, to the consumers
    opened so far, until one fits in none of them; then it is opened itself and keeps its largest partitions that fit.
    The rest go, largest first, to the least loaded consumer with room, or reopen their former owner, or open a new
    consumer. An empty consumer accepts any partition.
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
    """The consumers opened so far, least loaded first."""

    def __init__(self, rates: list[float], capacity: float) -> None:
        self._rates, self._capacity = rates, capacity
        self._heap: list[tuple[float, int]] = []
        self.opened: set[int] = set()
        self.owners = np.full(len(rates), -1, dtype=np.int64)

    def place(self, partition: int) -> bool:
        """Place into the least loaded consumer, if it fits there; otherwise it fits nowhere."""
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
        """Open `owner` with the first of `partitions` that fit; returns how many did."""
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
    """Modified Worst Fit every `every` seconds; it fills consumers up to `capacity`."""

    def __init__(self, capacity: float, every: float = 30.0) -> None:
        self._capacity = capacity
        self._clock = Clock(every)
        self._rates = Rates()
        self._plan: Ints | None = None

    def act(self, observed: Observation) -> Action | None:
        if not self._clock.due(observed.now) or not observed.reachable:
            return None
        rates = self._rates.since_last(observed)
        if rates is None:
            return None
        before = observed.owners if self._plan is None else self._plan
        plan = modified_worst_fit(rates, before, self._capacity)
        if self._plan is not None and (plan == self._plan).all():
            return None
        self._plan = plan
        return Action(int(np.unique(plan).size), plan)
