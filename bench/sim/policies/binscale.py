"""Ezzeddine's binscale, written from the papers (DOI 10.5220/0012630100003711).

It packs partitions into consumers by two sizes, arrivals and lag, and gives each partition its owner.
"""

import heapq

import numpy as np

from bench.sim.policies import Clock, Rates
from bench.sim.scenario import Floats, Ints, Move, Seen


class Packing:
    """Rates and lags to be packed into consumers of one size. What is larger than a consumer is cut to one.

    Largest arrival first, into the consumer with most room for arrivals that has room for the lag too.
    """

    def __init__(self, rates: Floats, lags: Floats, rate_room: float, lag_room: float) -> None:
        self._rates, self._lags = np.minimum(rates, rate_room), np.minimum(lags, lag_room)
        self._rooms = rate_room, lag_room
        self._order = np.argsort(-self._rates, kind="stable").tolist()

    def fewest(self, least: int = 1, most: int | None = None) -> Ints:
        """The owners with the fewest consumers from `least` to `most`, found by halving; with all when none do."""
        top = self._rates.size if most is None else most
        found = self.fit(top)
        if found is None:
            return np.arange(self._rates.size, dtype=np.int64)
        low = max(least, 1)
        while low < top:
            middle = (low + top) // 2
            owners = self.fit(middle)
            if owners is None:
                low = middle + 1
            else:
                top, found = middle, owners
        return found

    def fit(self, consumers: int) -> Ints | None:
        """Owners among so many consumers; None when they don't fit."""
        rate_room, lag_room = self._rooms
        if consumers * rate_room < self._rates.sum() - 1e-6 or consumers * lag_room < self._lags.sum() - 1e-6:
            return None
        heap = [(-rate_room, number, lag_room) for number in range(consumers)]
        owners = np.full(self._rates.size, -1, dtype=np.int64)
        rates, lags = self._rates.tolist(), self._lags.tolist()
        for partition in self._order:
            rate, lag = rates[partition], lags[partition]
            aside = []
            while heap and (heap[0][2] + 1e-9 < lag) and -heap[0][0] + 1e-9 >= rate:
                aside.append(heapq.heappop(heap))
            if not heap or -heap[0][0] + 1e-9 < rate:
                return None
            room, number, lag_left = heap[0]
            owners[partition] = number
            heapq.heapreplace(heap, (room + rate, number, lag_left - lag))
            for each in aside:
                heapq.heappush(heap, each)
        return owners


class Binscale:
    """Two-dimensional packing at each decision interval: arrival rates, and lag that must be gone within `sla` seconds.

    `up` and `down` are the shares of a consumer's rate that are planned with when adding and when removing: between
    them nothing moves. The lag that piles up in the `rebalance` seconds to come is added beforehand.
    """

    def __init__(
        self, capacity: float, sla: float, rebalance: float, *, up: float = 0.9, down: float = 0.6, every: float = 30.0
    ) -> None:
        self._capacity, self._sla, self._rebalance = capacity, sla, rebalance
        self._up, self._down = up, down
        self._clock = Clock(every)
        self._rates = Rates()
        self._plan: Ints | None = None

    def act(self, seen: Seen) -> Move | None:
        if not self._clock.due(seen.now) or not seen.reachable:
            return None
        rates = self._rates.take(seen)
        if rates is None:
            return None
        lags = seen.ends - seen.committed + rates.sum() * self._rebalance / rates.size
        now = seen.owners if self._plan is None else self._plan
        size = np.unique(now[now >= 0]).size
        up, down = self._packing(rates, lags, self._up), self._packing(rates, lags, self._down)
        same = up.fit(size)
        if same is None:
            return self._take(up.fewest(size + 1))
        if size > 1 and down.fit(size - 1) is not None:
            return self._take(down.fewest(1, size - 1))
        return self._take(same) if self._overloaded(rates, lags, now) else None

    def _packing(self, rates: Floats, lags: Floats, share: float) -> Packing:
        return Packing(rates, lags, self._capacity * share, self._capacity * share * self._sla)

    def _overloaded(self, rates: Floats, lags: Floats, owners: Ints) -> bool:
        """Whether the present assignment breaks what the packing promises."""
        held = owners >= 0
        rate = np.bincount(owners[held], weights=rates[held])
        lag = np.bincount(owners[held], weights=lags[held])
        room = self._capacity * self._up
        return bool((rate > room).any() or (lag > room * self._sla).any())

    def _take(self, plan: Ints) -> Move:
        self._plan = plan
        return Move(int(plan.max()) + 1, plan)
