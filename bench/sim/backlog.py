"""Partitions as queues: orders arrive, are worked off in their order, and have an age when that happens."""

import numpy as np

from bench.sim.scenario import Floats, Ints

DUST = 1e-3
"""Orders below which a queue counts as empty: sums of floats don't come out even."""


class Backlog:
    """Queues of all partitions over `steps` steps of `dt` seconds. Amounts are fluid: floats, not single orders.

    `histogram[i]` are the orders that were finished at an age of about `i * dt / 2` seconds.
    """

    def __init__(self, partitions: int, steps: int, dt: float) -> None:
        self.dt = dt
        self.step = 0
        self.arrived: Floats = np.zeros(partitions)
        self.done: Floats = np.zeros(partitions)
        self.lag: Floats = np.zeros(partitions)
        self.histogram: Floats = np.zeros(2 * steps + 2)
        self._history: Floats = np.zeros((steps + 1, partitions))
        self._head: Ints = np.zeros(partitions, dtype=np.int64)

    def advance(self, arrivals: Floats, finished: Floats) -> None:
        """One step: `arrivals` came, `finished` (of them and the lag) were worked off, per partition."""
        self.arrived = self.arrived + arrivals
        self.done = np.minimum(self.done + finished, self.arrived)
        self.lag = self.arrived - self.done
        self._history[self.step + 1] = self.arrived
        before = self._head.copy()
        busy = self.lag > DUST
        self._head[~busy] = self.step + 1
        todo = np.flatnonzero(busy)
        while todo.size:  # the head moves past each step whose orders are all done
            passed = self._history[self._head[todo] + 1, todo] <= self.done[todo] + DUST
            todo = todo[passed]
            self._head[todo] += 1
        self._count(2 * self.step + 1 - before - self._head, finished)
        self.step += 1

    def age(self) -> float:
        """Seconds for which the oldest order waits; 0 without any."""
        return float(self.step - self._head.min()) * self.dt

    def close(self) -> None:
        """Count what still waits at the age that it has reached."""
        self._count(self.step - self._head, self.lag)

    def _count(self, half_steps: Ints, orders: Floats) -> None:
        counted = np.bincount(np.maximum(half_steps, 0), weights=orders)
        self.histogram[: counted.size] += counted
