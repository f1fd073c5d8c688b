"""The consumers' pods: created, starting, ready, deleted."""

import numpy as np

SPREAD = 0.25
"""The largest deviation of a pod's start-up time, as a share of the usual one."""


class Pods:
    """Pods by number. New ones take the lowest free numbers, since the youngest of too many go first.

    `first` are the start-up times in seconds of the first pods, in order; the others take about `start_up`."""

    def __init__(self, start_up: float, rng: np.random.Generator, first: tuple[float, ...] = ()) -> None:
        self._start_up = start_up
        self._first = iter(first)
        self._rng = rng
        self.ready_at: dict[int, float] = {}

    def set_pods(self, numbers: set[int], now: float) -> None:
        """Have exactly the pods `numbers`."""
        for gone in self.ready_at.keys() - numbers:
            del self.ready_at[gone]
        for new in sorted(numbers - self.ready_at.keys()):
            usual = self._start_up * (1 + SPREAD * self._rng.uniform(-1, 1))
            self.ready_at[new] = now + next(self._first, usual)

    def scale(self, replicas: int, now: float, leaving: tuple[int, ...] = ()) -> None:
        """Have `replicas` pods. As in a ReplicaSet, starting pods go before ready ones, and of those the ones with the
        lowest pod-deletion-cost, which are `leaving`, in order."""
        cost = {pod: number - len(leaving) for number, pod in enumerate(leaving)}
        kept_first = sorted(self.ready_at, key=lambda pod: (self.ready_at[pod] > now, -cost.get(pod, 0), pod))
        free = (number for number in range(len(kept_first) + replicas) if number not in self.ready_at)
        self.set_pods({*kept_first[:replicas], *(next(free) for _ in range(replicas - len(kept_first)))}, now)

    def ready(self, now: float) -> tuple[int, ...]:
        """The numbers of the ready pods."""
        return tuple(sorted(pod for pod, at in self.ready_at.items() if at <= now))
