"""Ezzeddine's binscale, written from the papers (DOI 10.5220/0012630100003711).

It packs partitions into consumers by two sizes, arrivals and lag, and gives each partition its owner.
"""

import heapq
import math

import numpy as np

from bench.sim.policies import Clock, Rates
from bench.sim.scenario import Floats, Ints, Move, Seen


def pack(rates: Floats, lags: Floats, rate_room: float, lag_room: float) -> Ints:
    """The fewest consumers, found by trying one more each time, into which rates and lags fit; a consumer for each.

    What is larger than a consumer is cut to one. Largest arrival first, into the consumer with most room for arrivals.
    """
    rates, lags = np.minimum(rates, rate_room), np.minimum(lags, lag_room)
    order = np.argsort(-rates, kind="stable").tolist()
    fewest = max(math.ceil(rates.sum() / rate_room - 1e-9), math.ceil(lags.sum() / lag_room - 1e-9), 1)
    for consumers in range(fewest, rates.size + 1):
        owners = _fit(order, rates, lags, consumers, rate_room, lag_room)
        if owners is not None:
            return owners
    return np.arange(rates.size, dtype=np.int64)


def _fit(
    order: list[int], rates: Floats, lags: Floats, consumers: int, rate_room: float, lag_room: float
) -> Ints | None:
    heap = [(-rate_room, number, lag_room) for number in range(consumers)]
    owners = np.full(rates.size, -1, dtype=np.int64)
    for partition in order:
        rate, lag = float(rates[partition]), float(lags[partition])
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
        plan = self._packed(rates, lags, self._up)
        if plan.max() + 1 > size or (plan.max() + 1 == size and self._overloaded(rates, lags, now)):
            return self._take(plan)
        smaller = self._packed(rates, lags, self._down)
        return self._take(smaller) if smaller.max() + 1 < size else None

    def _packed(self, rates: Floats, lags: Floats, share: float) -> Ints:
        return pack(rates, lags, self._capacity * share, self._capacity * share * self._sla)

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
