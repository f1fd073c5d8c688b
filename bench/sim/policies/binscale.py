"""Ezzeddine's binscale, written from the papers (DOI 10.5220/0012630100003711).

It packs partitions into consumers by two sizes, arrival rate and lag, and assigns each partition to an owner.
"""

import heapq

import numpy as np

from bench.sim.policies import Clock, Rates
from bench.sim.scenario import Action, Floats, Ints, Observation


class Packing:
    """Rates and lags to pack into consumers of one size; anything larger than a consumer is cut to that size.

    The largest rate comes first, into the consumer with the most room for rates that also has room for the lag.
    """

    def __init__(self, rates: Floats, lags: Floats, rate_room: float, lag_room: float) -> None:
        self._rates, self._lags = np.minimum(rates, rate_room), np.minimum(lags, lag_room)
        self._rooms = rate_room, lag_room
        self._order = np.argsort(-self._rates, kind="stable").tolist()

    def fewest(self, least: int = 1, most: int | None = None) -> Ints:
        """Owners with the fewest consumers from `least` to `most`, by bisection; one per partition if nothing fits."""
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
        """Owners among `consumers` consumers; None if they do not fit."""
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
    """Packs in two dimensions at each decision interval: arrival rates, and lag that must drain within `sla` seconds.

    `up` and `down` are the shares of a consumer's capacity to plan with when adding and removing consumers; between
    them nothing moves. The lag that will build up in the next `rebalance` seconds is added in advance.
    """

    def __init__(
        self, capacity: float, sla: float, rebalance: float, *, up: float = 0.9, down: float = 0.6, every: float = 30.0
    ) -> None:
        self._capacity, self._sla, self._rebalance = capacity, sla, rebalance
        self._up, self._down = up, down
        self._clock = Clock(every)
        self._rates = Rates()
        self._plan: Ints | None = None

    def act(self, observed: Observation) -> Action | None:
        if not self._clock.due(observed.now) or not observed.reachable:
            return None
        rates = self._rates.since_last(observed)
        if rates is None:
            return None
        lags = observed.ends - observed.committed + rates.sum() * self._rebalance / rates.size
        now = observed.owners if self._plan is None else self._plan
        size = np.unique(now[now >= 0]).size
        up, down = self._packing(rates, lags, self._up), self._packing(rates, lags, self._down)
        same = up.fit(size)
        if same is None:
            return self._adopt(up.fewest(size + 1))
        if size > 1 and down.fit(size - 1) is not None:
            return self._adopt(down.fewest(1, size - 1))
        return self._adopt(same) if self._overloaded(rates, lags, now) else None

    def _packing(self, rates: Floats, lags: Floats, share: float) -> Packing:
        return Packing(rates, lags, self._capacity * share, self._capacity * share * self._sla)

    def _overloaded(self, rates: Floats, lags: Floats, owners: Ints) -> bool:
        """Whether the current assignment violates the packing's limits."""
        held = owners >= 0
        rate = np.bincount(owners[held], weights=rates[held])
        lag = np.bincount(owners[held], weights=lags[held])
        room = self._capacity * self._up
        return bool((rate > room).any() or (lag > room * self._sla).any())

    def _adopt(self, plan: Ints) -> Action:
        self._plan = plan
        return Action(int(plan.max()) + 1, plan)
