"""The operator's own decision, `scaling.decide`, behind its HPA: the very code that runs in the cluster."""

import math

import numpy as np

from bench.sim.hpa import SYNC, Behavior, Hpa
from bench.sim.policies import Clock
from bench.sim.scenario import Floats, Ints, Move, Scenario, Seen
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.lag.history import Smoothing
from orderpipeline_operator.domain.lag.sample import Group, GroupState, LagSample, Load, Owner, Unknown
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.scaling.decision import Decision
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy, policy_from
from orderpipeline_operator.domain.scaling.state import ScalingState


def policy_of(scenario: Scenario) -> ScalingPolicy:
    """The policy of a pipeline whose spec says only what the scenario does, beside the defaults."""
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
    """From what is seen to a `LagSample`, as lag_history.advance makes it of readings, but on arrays.

    A reading of 500 partitions costs that function milliseconds, and a day has 17,000. A test holds the two together.
    """

    def __init__(self) -> None:
        self._smoothing = Smoothing()
        self._last: Seen | None = None
        self._arrival: Floats | None = None
        self._processed: Floats | None = None
        self._over_gap = False

    def sample(self, seen: Seen) -> LagSample | Unknown:
        if not seen.reachable:
            return Unknown("BrokersUnreachable", "No broker answers.")
        arrived = self._advance(seen)
        none = np.zeros(seen.ends.size)
        arrival, processed = (none if each is None else each for each in (self._arrival, self._processed))
        lag = np.rint(seen.ends - seen.committed).astype(np.int64)
        state: GroupState = "Empty" if not seen.members else "Rebalancing" if seen.rebalancing else "Stable"
        return LagSample(
            at=seen.now,
            partitions=seen.ends.size,
            orders=int(lag.sum()),
            markers=0,
            seconds=seen.age,
            seconds_at_least=False,
            arrived=arrived,
            arrival_rate=None if arrived is None else float(arrival.sum()),
            processed_rate=None if arrived is None else float(processed.sum()),
            group=Group(state, seen.members, "consumer", _owners(seen.owners)),
            most_lagging=_most(lag),
            loads=tuple(map(Load, range(lag.size), lag.tolist(), arrival.tolist(), processed.tolist())),
        )

    def _advance(self, seen: Seen) -> int | None:
        """Take in what happened since the last look; the orders that arrived, None at the first."""
        last, self._last = self._last, seen
        if last is None:
            return None
        elapsed = seen.now - last.now
        weight = 1.0 if self._over_gap else -math.expm1(-elapsed / self._smoothing.rate)
        self._over_gap = elapsed > self._smoothing.gap
        came = seen.ends - last.ends
        self._arrival = _smooth(self._arrival, came / elapsed, weight)
        self._processed = _smooth(self._processed, (seen.committed - last.committed) / elapsed, weight)
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
    """Sample, decide, and let an HPA follow whose tolerance and windows are 0, as the operator renders it.

    The HPA looks every `sync` seconds, the first time after `phase`.
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

    def act(self, seen: Seen) -> Move | None:
        if self._poll.due(seen.now):
            self._decide(seen)
        wanted = seen.replicas
        if (self._desired == 0) != (seen.replicas == 0):  # between 0 and 1 the operator scales by itself
            wanted = min(self._desired, 1)
        if self._sync.due(seen.now):
            wanted = self._hpa.sync(seen.now, float(self._desired), 1.0, wanted)
        return Move(wanted, leaving=self._leaving) if wanted != seen.replicas else None

    def _decide(self, seen: Seen) -> None:
        decision = decide(self.policy, self._sampler.sample(seen), self._state, seen.now)
        if decision.replicas is not None and decision.replicas != self._desired:
            self._desired, self._leaving = decision.replicas, tuple(map(int, decision.leaving))
            self.decisions.append(decision)
        self._state = decision.state
