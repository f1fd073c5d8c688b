"""Partitions as queues: orders arrive, are handled in order, and have an age when they are."""

import numpy as np

from bench.sim.scenario import Floats, Ints

NEGLIGIBLE = 1e-3
"""Fewer orders than this count as an empty queue: sums of floats are inexact."""


class Backlog:
    """The queues of all partitions over `steps` steps of `dt` seconds. Amounts are floats, not single orders.

    `histogram[i]` is the number of orders that were finished at an age of about `i * dt / 2` seconds.
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
        """One step: per partition, `arrivals` came in and `finished` (of those and of the lag) were handled."""
        self.arrived = self.arrived + arrivals
        self.done = np.minimum(self.done + finished, self.arrived)
        self.lag = self.arrived - self.done
        self._history[self.step + 1] = self.arrived
        before = self._head.copy()
        busy = self.lag > NEGLIGIBLE
        self._head[~busy] = self.step + 1
        todo = np.flatnonzero(busy)
        while todo.size:  # the head moves past each step whose orders are all finished
            passed = self._history[self._head[todo] + 1, todo] <= self.done[todo] + NEGLIGIBLE
            todo = todo[passed]
            self._head[todo] += 1
        self._count(2 * self.step + 1 - before - self._head, finished)
        self.step += 1

    def age(self) -> float:
        """Seconds for which the oldest order has waited; 0 if none waits."""
        return float(self.step - self._head.min()) * self.dt

    def close(self) -> None:
        """Count waiting orders at the age that they have reached."""
        self._count(self.step - self._head, self.lag)

    def _count(self, half_steps: Ints, orders: Floats) -> None:
        counted = np.bincount(np.maximum(half_steps, 0), weights=orders)
        self.histogram[: counted.size] += counted
