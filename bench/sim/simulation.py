"""Simulates one trace step by step: orders arrive, pods start and join, the group rebalances, consumers work."""

import numpy as np

from bench.sim.backlog import Backlog
from bench.sim.group import Group
from bench.sim.pods import Pods
from bench.sim.scenario import Action, Floats, Ints, Observation, Scenario

COMMIT_DELAY = 1.0
"""Seconds by which commits lag behind the work: orders in processing count as lag for an observer."""


class Simulation:
    """The state of a run. `step` advances it by `scenario.dt` seconds; `observe` is what can be known from outside."""

    def __init__(self, scenario: Scenario, rng: np.random.Generator) -> None:
        steps, partitions = scenario.rates.shape
        self.scenario = scenario
        self.now = 0.0
        self.backlog = Backlog(partitions, steps, scenario.dt)
        self.group = Group(partitions, scenario.protocol)
        self.pods = Pods(scenario.start_up, rng, scenario.start_ups)
        self.replicas = scenario.initial
        self._planned: Ints | None = None
        self._even = True
        self._finished: Floats = np.zeros(partitions)
        self._rates: Floats = scenario.rates[0]
        self.pods.ready_at = dict.fromkeys(range(scenario.initial), 0.0)
        self._join()

    def observe(self) -> Observation:
        committed = np.maximum(self.backlog.done - self._finished * min(COMMIT_DELAY / self.scenario.dt, 1.0), 0.0)
        return Observation(
            now=self.now,
            ends=self.backlog.arrived,
            committed=committed,
            age=self.backlog.age(),
            members=len(self.group.members),
            rebalancing=self.now < self.group.quiet_from,
            replicas=self.replicas,
            owners=self.group.owners,
            reachable=not self.scenario.away[min(self.backlog.step, self.scenario.away.size - 1)],
        )

    def apply(self, action: Action) -> None:
        """Apply what a policy requested."""
        self.replicas = action.replicas
        self._even = action.owners is None
        if action.owners is None:
            self._planned = None
            self.pods.scale(action.replicas, self.now, action.leaving)
            return
        # With owners given: first start the pods they need, then hand over, then stop the pods left over.
        self._planned = action.owners
        self.pods.set_pods({*(int(pod) for pod in np.unique(action.owners)), *self.group.members}, self.now)

    def step(self) -> None:
        scenario, index = self.scenario, self.backlog.step
        self._rates = scenario.rates[index]
        self._join()
        arrivals = self._rates * scenario.dt
        self._finished = np.zeros_like(arrivals) if scenario.away[index] else self._work(self.backlog.lag + arrivals)
        self.backlog.advance(arrivals, self._finished)
        self.now += scenario.dt

    def _join(self) -> None:
        ready = self.pods.ready(self.now)
        if self._planned is not None:
            wanted = tuple(int(pod) for pod in np.unique(self._planned))
            if set(wanted) <= set(ready):
                self.group.rebalance(wanted, self._rates, self.now, self._planned)
                self.pods.set_pods(set(wanted), self.now)
                self._planned = None
        elif self._even and ready != self.group.members:
            self.group.rebalance(ready, self._rates, self.now)

    def _work(self, waiting: Floats) -> Floats:
        """Orders finished of `waiting`, per partition: a consumer divides its time by what waits in its partitions."""
        owners = self.group.owners
        reach = waiting * self.group.available(self.now, self.scenario.dt)
        load = np.bincount(np.where(owners < 0, 0, owners), weights=np.where(owners < 0, 0.0, reach), minlength=1)
        share = np.minimum(1.0, self.scenario.capacity * self.scenario.dt / np.maximum(load, 1e-12))
        return reach * share[np.where(owners < 0, 0, owners)]
