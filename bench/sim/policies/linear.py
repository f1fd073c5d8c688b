"""An HPA on the lag from a metrics pipeline (exporter, Prometheus, adapter), and KEDA's kafka trigger."""

import numpy as np

from bench.sim.hpa import SYNC, Hpa
from bench.sim.policies import Clock
from bench.sim.scenario import Action, Floats, Observation

SCRAPE = 30.0
"""Seconds between two scrapes of the lag by Prometheus; an adapter returns the last one."""


class LinearHpa:
    """An HPA on the total lag, `threshold` orders per consumer, with Kubernetes' default behaviour."""

    def __init__(self, hpa: Hpa, threshold: float, phase: float = 0.0) -> None:
        self._hpa = hpa
        self._threshold = threshold
        self._sync = Clock(SYNC, phase)
        self._scrape = Clock(SCRAPE)
        self._metric: float | None = None

    def act(self, observed: Observation) -> Action | None:
        if self._scrape.due(observed.now):
            self._metric = float((observed.ends - observed.committed).sum()) if observed.reachable else None
        if not self._sync.due(observed.now):
            return None
        wanted = self._hpa.sync(observed.now, self._metric, self._threshold, observed.replicas)
        return Action(wanted) if wanted != observed.replicas else None


class KafkaTrigger:
    """The lag as KEDA 2.21's kafka trigger counts it. Orders; `threshold` is lagThreshold.

    Its options, with KEDA's defaults: without `allow_idle` (allowIdleConsumers) the total is limited to requesting no
    more consumers than partitions, with `only_lagging` (limitToPartitionsWithLag) no more than partitions with lag;
    `even` (ensureEvenDistributionOfPartitions) raises it to a divisor of the partitions; `skip_persistent`
    (excludePersistentLag) ignores partitions whose commit has not moved since the last poll.
    """

    def __init__(
        self, threshold: float, *, allow_idle: bool = False, only_lagging: bool = False, even: bool = False,
        skip_persistent: bool = False,
    ) -> None:  # fmt: skip
        if only_lagging and (allow_idle or even):
            raise ValueError("limitToPartitionsWithLag excludes allowIdleConsumers and an even distribution")
        self.threshold = threshold
        self._allow_idle, self._only_lagging, self._even = allow_idle, only_lagging, even
        self._skip_persistent = skip_persistent
        self._previous: Floats | None = None

    def total(self, observed: Observation) -> tuple[float, float]:
        """The metric, and the whole lag, which decides whether the trigger is active."""
        lag = np.floor(observed.ends - observed.committed)
        counted = lag
        if self._skip_persistent:
            if self._previous is not None:
                counted = np.where(observed.committed == self._previous, 0.0, lag)
            self._previous = observed.committed.copy()
        total, partitions = float(counted.sum()), lag.size
        if self._even:
            return self._to_divisor(total, partitions), float(lag.sum())
        bound = int((counted > 0).sum()) if self._only_lagging else partitions
        # Integer division: a remainder of the lag still requests one consumer more than the bound.
        if not self._allow_idle and total // self.threshold > bound:
            total = bound * self.threshold
        return total, float(lag.sum())

    def _to_divisor(self, total: float, partitions: int) -> float:
        divisors = (n for n in range(1, partitions + 1) if partitions % n == 0)
        return self.threshold * next((n for n in divisors if n * self.threshold >= total), partitions)


class Keda:
    """A ScaledObject with one kafka trigger: an HPA from 1 up, and KEDA itself between 0 and 1.

    Every HPA sync reads Kafka, since useCachedMetrics is off by default. KEDA checks every `polling` seconds
    whether the trigger is active; `cooldown` seconds after it last was, it scales to `minimum`.
    """

    def __init__(
        self, trigger: KafkaTrigger, hpa: Hpa, *, minimum: int, activation: float = 0.0, polling: float = 30.0,
        cooldown: float = 300.0, phase: float = 0.0,
    ) -> None:  # fmt: skip
        self._trigger, self._hpa = trigger, hpa
        self._minimum, self._activation, self._cooldown = minimum, activation, cooldown
        self._sync, self._poll = Clock(SYNC, phase), Clock(polling)
        self._active_at = 0.0

    def act(self, observed: Observation) -> Action | None:
        polls, syncs, wanted = self._poll.due(observed.now), self._sync.due(observed.now), observed.replicas
        if not polls and not syncs:
            return None
        metric, whole = self._trigger.total(observed) if observed.reachable else (None, None)
        if polls:
            wanted = self._activate(observed.now, whole, wanted)
        if syncs:
            wanted = self._hpa.sync(observed.now, metric, self._trigger.threshold, wanted)
        return Action(wanted) if wanted != observed.replicas else None

    def _activate(self, now: float, whole: float | None, replicas: int) -> int:
        if whole is not None and whole > self._activation:
            self._active_at = now
            return max(replicas, 1)
        if self._minimum == 0 and now - self._active_at >= self._cooldown:
            return 0
        return replicas
