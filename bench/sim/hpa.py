"""The HorizontalPodAutoscaler (autoscaling/v2) with an external metric of target type AverageValue.

Written from Kubernetes' documentation and the fields of `behavior`; without metric history and pod readiness, which
play no part with external metrics.
"""

import math
from dataclasses import dataclass, field

SYNC = 15.0
"""Seconds between two syncs of the controller."""


@dataclass(frozen=True)
class Behavior:
    """One direction. A step per `period` seconds is the larger of `pods` and `percent` of the replicas."""

    window: float = 0.0
    tolerance: float = 0.1
    pods: int = 0
    percent: float = 100.0
    period: float = 15.0


@dataclass
class Hpa:
    """One HPA. `sync` is called every SYNC seconds and returns the replicas to set. Defaults are Kubernetes' own."""

    minimum: int
    maximum: int
    up: Behavior = Behavior(pods=4)
    down: Behavior = Behavior(window=300.0)
    _wanted: list[tuple[float, int]] = field(default_factory=list)
    _moves: list[tuple[float, int]] = field(default_factory=list)

    def sync(self, now: float, metric: float | None, target: float, replicas: int) -> int:
        """Replicas for `metric` (None: unavailable, nothing changes) with `target` per replica."""
        if replicas == 0:  # an HPA is off while its target has no replicas
            return 0
        if not self._wanted:  # the initial number counts as a recommendation
            self._wanted.append((now, replicas))
        if metric is None:
            return replicas
        wanted = self._stabilized(now, self._recommended(metric, target, replicas), replicas)
        moved = min(max(self._limited(now, wanted, replicas), self.minimum), self.maximum)
        if moved != replicas:
            self._moves.append((now, moved - replicas))
        return moved

    def _recommended(self, metric: float, target: float, replicas: int) -> int:
        ratio = metric / (target * replicas)
        tolerance = self.up.tolerance if ratio > 1 else self.down.tolerance
        return replicas if abs(ratio - 1) <= tolerance else math.ceil(round(metric / target, 9))

    def _stabilized(self, now: float, recommended: int, replicas: int) -> int:
        """Up to the lowest, down to the highest recommendation within the window."""
        self._wanted = [w for w in self._wanted if now - w[0] < max(self.up.window, self.down.window)]
        lowest = min([recommended, *(n for at, n in self._wanted if now - at < self.up.window)])
        highest = max([recommended, *(n for at, n in self._wanted if now - at < self.down.window)])
        self._wanted.append((now, recommended))
        return min(max(replicas, lowest), highest)

    def _limited(self, now: float, wanted: int, replicas: int) -> int:
        longest = max(self.up.period, self.down.period)
        self._moves = [move for move in self._moves if now - move[0] < longest]
        up = sum(n for at, n in self._moves if n > 0 and now - at < self.up.period)
        down = sum(-n for at, n in self._moves if n < 0 and now - at < self.down.period)
        if wanted > replicas:
            before = replicas - up
            return min(wanted, max(before + self.up.pods, math.ceil(before * (1 + self.up.percent / 100))))
        before = replicas + down
        return max(wanted, min(before - self.down.pods, math.floor(before * (1 - self.down.percent / 100))), 0)
