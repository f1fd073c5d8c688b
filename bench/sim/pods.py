"""Pods of the consumers: ordered, starting, ready, gone."""

import numpy as np

SPREAD = 0.25
"""How far a pod's start-up time is from the usual one, at most, as a share of it."""


class Pods:
    """Pods by number. New ones take the lowest free numbers, as the youngest go first when there are too many.

    The `first` of them take so many seconds to be ready, one after the other; the others some `start_up`."""

    def __init__(self, start_up: float, rng: np.random.Generator, first: tuple[float, ...] = ()) -> None:
        self._start_up = start_up
        self._first = iter(first)
        self._rng = rng
        self.ready_at: dict[int, float] = {}

    def order(self, numbers: set[int], now: float) -> None:
        """Have exactly the pods `numbers`."""
        for gone in self.ready_at.keys() - numbers:
            del self.ready_at[gone]
        for new in sorted(numbers - self.ready_at.keys()):
            usual = self._start_up * (1 + SPREAD * self._rng.uniform(-1, 1))
            self.ready_at[new] = now + next(self._first, usual)

    def scale(self, replicas: int, now: float, leaving: tuple[int, ...] = ()) -> None:
        """Have `replicas` pods; those that start go before those that are ready, as a ReplicaSet has it, and of these
        the ones of least pod-deletion-cost, which `leaving` are in their order."""
        cost = {pod: number - len(leaving) for number, pod in enumerate(leaving)}
        have = sorted(self.ready_at, key=lambda pod: (self.ready_at[pod] > now, -cost.get(pod, 0), pod))
        free = (number for number in range(len(have) + replicas) if number not in self.ready_at)
        self.order({*have[:replicas], *(next(free) for _ in range(replicas - len(have)))}, now)

    def ready(self, now: float) -> tuple[int, ...]:
        """Numbers of those that are ready."""
        return tuple(sorted(pod for pod, at in self.ready_at.items() if at <= now))
