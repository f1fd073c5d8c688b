"""The operator's own decision, `scaling.decide`, behind its HPA: the very code that runs in the cluster."""

import math

import numpy as np

from bench.sim.hpa import SYNC, Behavior, Hpa
from bench.sim.policies import Clock
from bench.sim.scenario import Action, Floats, Ints, Observation, Scenario
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.lag.history import Smoothing
from orderpipeline_operator.domain.lag.sample import Group, GroupState, LagSample, Load, Owner, Unknown
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.decision import Decision
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy, policy_from
from orderpipeline_operator.domain.scaling.state import ScalingState


def policy_of(scenario: Scenario) -> ScalingPolicy:
    """The policy of a pipeline with the scenario's settings and otherwise the defaults."""
    return policy_from(
        OrderPipelineSpec.model_validate(
            {
                "topic": {"partitions": scenario.partitions},
                "consumer": {"workers": scenario.workers},
                "autoscaling": dict(scenario.autoscaling),
            }
        )
    )


class Sampler:
    """From an observation to a `LagSample`, like `lag.history.advance` from readings, but with arrays.

    A reading of 500 partitions costs that function milliseconds, and a day has 17,000. A test keeps the two equal.
    """

    def __init__(self) -> None:
        self._smoothing = Smoothing()
        self._last: Observation | None = None
        self._arrival: Floats | None = None
        self._processed: Floats | None = None
        self._over_gap = False

    def sample(self, observed: Observation) -> LagSample | Unknown:
        if not observed.reachable:
            return Unknown("BrokersUnreachable", "No broker answers.")
        arrived = self._advance(observed)
        none = np.zeros(observed.ends.size)
        arrival, processed = (none if each is None else each for each in (self._arrival, self._processed))
        lag = np.rint(observed.ends - observed.committed).astype(np.int64)
        state: GroupState = "Empty" if not observed.members else "Rebalancing" if observed.rebalancing else "Stable"
        return LagSample(
            at=observed.now,
            partitions=observed.ends.size,
            orders=int(lag.sum()),
            markers=0,
            seconds=observed.age,
            seconds_at_least=False,
            arrived=arrived,
            arrival_rate=None if arrived is None else float(arrival.sum()),
            processed_rate=None if arrived is None else float(processed.sum()),
            group=Group(state, observed.members, "consumer", _owners(observed.owners)),
            most_lagging=_most(lag),
            loads=tuple(map(Load, range(lag.size), lag.tolist(), arrival.tolist(), processed.tolist())),
        )

    def _advance(self, observed: Observation) -> int | None:
        """Update the rates; returns the orders that arrived since the last observation, None at the first."""
        last, self._last = self._last, observed
        if last is None:
            return None
        elapsed = observed.now - last.now
        weight = 1.0 if self._over_gap else -math.expm1(-elapsed / self._smoothing.rate)
        self._over_gap = elapsed > self._smoothing.gap
        came = observed.ends - last.ends
        self._arrival = _smooth(self._arrival, came / elapsed, weight)
        self._processed = _smooth(self._processed, (observed.committed - last.committed) / elapsed, weight)
        return round(float(came.sum()))


def _smooth(old: Floats | None, new: Floats, weight: float) -> Floats:
    value = new if old is None else old + weight * (new - old)
    return np.where(value >= 1e-3, value, 0.0)


def _owners(owners: Ints) -> tuple[Owner, ...]:
    members = np.unique(owners[owners >= 0])
    return tuple(Owner(str(member), tuple(np.flatnonzero(owners == member).tolist())) for member in members)


def _most(lag: Ints) -> tuple[tuple[int, int], ...]:
    top = lag.argsort()[-3:][::-1]
    return tuple((int(p), int(lag[p])) for p in top if lag[p])


class Ours:
    """Samples and decides; an HPA follows without tolerance and windows, as the operator renders it.

    The HPA syncs every `sync` seconds, for the first time after `phase` seconds.
    """

    def __init__(self, policy: ScalingPolicy, replicas: int, phase: float = 0.0, sync: float = SYNC) -> None:
        self.policy = policy
        self._sampler = Sampler()
        self._state = ScalingState(desired=replicas)
        self._poll, self._sync = Clock(policy.poll_interval), Clock(sync, phase)
        at_once = Behavior(tolerance=0.0, pods=policy.bounds.maximum, period=1.0)
        self._hpa = Hpa(max(policy.bounds.minimum, 1), policy.bounds.maximum, up=at_once, down=at_once)
        self._desired = replicas
        self._leaving: tuple[int, ...] = ()
        self.decisions: list[Decision] = []

    def act(self, observed: Observation) -> Action | None:
        if self._poll.due(observed.now):
            self._decide(observed)
        wanted = observed.replicas
        if (self._desired == 0) != (observed.replicas == 0):  # between 0 and 1 the operator sets the replicas itself
            wanted = min(self._desired, 1)
        if self._sync.due(observed.now):
            wanted = self._hpa.sync(observed.now, float(self._desired), 1.0, wanted)
        return Action(wanted, leaving=self._leaving) if wanted != observed.replicas else None

    def _decide(self, observed: Observation) -> None:
        decision = decide(self.policy, self._sampler.sample(observed), self._state, observed.now)
        if decision.replicas is not None and decision.replicas != self._desired:
            self._desired, self._leaving = decision.replicas, tuple(map(int, decision.leaving))
            self.decisions.append(decision)
        self._state = decision.state
