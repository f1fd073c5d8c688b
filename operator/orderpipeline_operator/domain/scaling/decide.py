"""The scaling decision: a pure function from policy, sample, state and time to a number of consumers and its reason."""

from dataclasses import replace

from orderpipeline_operator.domain.lag.sample import LagSample, Unknown
from orderpipeline_operator.domain.scaling import explain
from orderpipeline_operator.domain.scaling.decision import Decision
from orderpipeline_operator.domain.scaling.facts import facts_of
from orderpipeline_operator.domain.scaling.learn import learn
from orderpipeline_operator.domain.scaling.numbers import Numbers, numbers_of
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.domain.scaling.recommendation import Reason
from orderpipeline_operator.domain.scaling.rules import recommend
from orderpipeline_operator.domain.scaling.stabilize import stabilize
from orderpipeline_operator.domain.scaling.state import Membership, ScalingState, Stabilization


def decide(policy: ScalingPolicy, sample: LagSample | Unknown, state: ScalingState, now: float) -> Decision:
    """Decide for one sample. `now` is Unix seconds; `state` is that of the decision before (or of the status).

    `mode` Recommend is decided as Auto is; it is for the caller not to act on it.
    """
    if policy.mode == "Off":
        return _off(policy, state, now)
    if state.at is None:  # restored, perhaps from a machine whose clock is ahead
        state = state.not_after(now, policy.stabilization_down)
    # A lag that cannot be read is unknown, not zero: then nothing moves.
    if isinstance(sample, Unknown):
        return _unknown(sample, state, now)
    if state.at is not None and now < state.at:
        return _clock_set_back(state, now)
    # Lag becomes a number of consumers that divides the partitions evenly: one per three partitions while orders
    # arrive, more under pressure.
    facts = facts_of(policy, sample, state, learn(policy, sample, state, now), now)
    recommended = recommend(facts)
    outcome = stabilize(facts, recommended)
    # Each decision has the numbers that it came from.
    return Decision(
        at=now,
        replicas=outcome.replicas,
        previous=state.desired,
        reason=outcome.reason,
        message=explain.message(facts, recommended, outcome),
        numbers=numbers_of(facts, recommended),
        state=replace(outcome.state, at=now, desired=outcome.replicas),
        leaving=outcome.leaving,
    )


def _off(policy: ScalingPolicy, state: ScalingState, now: float) -> Decision:
    kept = ScalingState(at=now, desired=state.desired if policy.fixed is None else policy.fixed)
    return _held(kept, state, "Off", explain.off(policy.fixed), now)


def _unknown(sample: Unknown, state: ScalingState, now: float) -> Decision:
    # What is not known is neither quiet nor a reason for fewer: all waiting times start again.
    # Rates that span the gap say nothing about the consumers, so these have to settle anew as well.
    kept = replace(
        state,
        at=now,
        stabilization=Stabilization(),
        activity=replace(state.activity, active_since=None, quiet_since=None),
        group=Membership(rebalancing_since=state.group.rebalancing_since),
    )
    return _held(kept, state, "Unknown", explain.unknown(state.desired, sample), now)


def _clock_set_back(state: ScalingState, now: float) -> Decision:
    kept = replace(state.shifted(now - (state.at or now)), at=now)
    return _held(kept, state, "ClockStep", explain.clock_set_back(state.desired), now)


def _held(kept: ScalingState, before: ScalingState, reason: Reason, message: str, now: float) -> Decision:
    return Decision(now, kept.desired, before.desired, reason, message, Numbers(), kept)
