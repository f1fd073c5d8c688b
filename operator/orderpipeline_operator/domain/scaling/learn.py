"""What a sample teaches before it is decided on: activity, the group, the rate of one consumer, the forecast."""

from dataclasses import replace

from orderpipeline_operator.domain.lag.sample import LagSample
from orderpipeline_operator.domain.scaling import backoff, capacity, forecast, trial
from orderpipeline_operator.domain.scaling.backlog import waiting
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.domain.scaling.state import Activity, Membership, ScalingState


def learn(policy: ScalingPolicy, sample: LagSample, state: ScalingState, now: float) -> ScalingState:
    """State after `sample`, the decision aside. Never raises the measured rate when only the lag grows."""
    elapsed = None if state.at is None else now - state.at
    if policy.forecast is not None and sample.arrival_rate is not None and elapsed is not None:
        weights, rate = policy.tuning.forecast, sample.arrival_rate
        state = replace(state, forecast=forecast.learn(state.forecast, policy.forecast, rate, elapsed, now, weights))
    state = replace(
        state, activity=_activity(policy, sample, state.activity, now), group=_group(sample, state.group, now)
    )
    # While a scale-up is on trial its rate is not learned: a lower one would ask for still more consumers before it is
    # known whether these helped. Until they join, those that were there show the first rate, which is better than one
    # that is only assumed.
    joined = state.trial is not None and (sample.group.members or 0) > state.trial.replicas_before
    on_trial = state.trial is not None and (joined or state.capacity.rate is not None)
    if not on_trial and capacity.settled(policy, sample, state.group, now):
        state = replace(state, capacity=capacity.measure(policy, sample, state.capacity, elapsed))
    state = replace(state, backoff=backoff.expire(policy, state.backoff, now))
    return trial.judge(policy, sample, state, now)


def _group(sample: LagSample, known: Membership, now: float) -> Membership:
    since = known.rebalancing_since if known.rebalancing_since is not None else now
    known = replace(known, rebalancing_since=since if sample.group.state == "Rebalancing" else None)
    if sample.group.members == known.members:
        return known
    return replace(known, members=sample.group.members, members_since=now)


def _activity(policy: ScalingPolicy, sample: LagSample, known: Activity, now: float) -> Activity:
    arrived_at = now if sample.arrived else known.arrived_at
    # A backlog that stays long after orders have ceased to arrive is no steady flow: it gets what its demand asks for.
    flows = arrived_at is not None and now - arrived_at < policy.idle_after
    if waiting(sample) or sample.arrived:
        since = known.active_since if known.active_since is not None else now
        long_enough = now - since >= policy.tuning.steady_samples * policy.poll_interval
        return Activity((known.steady or long_enough) and flows, since, arrived_at, None)
    if sample.arrived is None:  # the first reading can't tell whether orders arrive
        return replace(known, active_since=None, arrived_at=arrived_at, quiet_since=None)
    since = known.quiet_since if known.quiet_since is not None else now
    steady = known.steady and flows and now - since < policy.idle_after
    return Activity(steady, None, arrived_at, since)
