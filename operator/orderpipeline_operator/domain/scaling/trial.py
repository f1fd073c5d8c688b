"""Whether more consumers helped: a scale-up is on trial until its effect shows; one without is not repeated soon."""

from dataclasses import replace

from orderpipeline_operator.domain.lag.sample import LagSample
from orderpipeline_operator.domain.scaling.backlog import saturated
from orderpipeline_operator.domain.scaling.capacity import settled
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.domain.scaling.state import Ceiling, ScalingState, Trial


def begin(policy: ScalingPolicy, sample: LagSample, current: int, goal: int, now: float) -> Trial | None:
    """The trial of a scale-up; None where there is no throughput of busy consumers to compare with."""
    if not saturated(policy, sample) or not sample.processed_rate or not sample.group.members:
        return None
    return Trial(now, current, goal, sample.processed_rate)


def judge(policy: ScalingPolicy, sample: LagSample, state: ScalingState, now: float) -> ScalingState:
    """State after a look at the last scale-up.

    One that brought nothing closes what is above the number before it for a while. The number then recommended is
    lower, and comes about as any lower number does: after the stabilization.
    """
    tuning, throughput = policy.tuning, sample.processed_rate or 0.0
    state = replace(state, ceiling=_unless_lifted(policy, state.ceiling, throughput, now))
    trial = state.trial
    if trial is None:
        return state
    if not saturated(policy, sample) or now - trial.started_at >= tuning.trial_max_seconds:
        return replace(state, trial=None)
    after = min(trial.replicas_after, sample.partitions)
    if (sample.group.members or 0) < after or not settled(policy, sample, state.group, now):
        return state
    growth = after / max(trial.replicas_before, 1)
    if throughput >= min(tuning.trial_gain_ratio, 1.0 + (growth - 1.0) / 2) * trial.throughput_before:
        return replace(state, trial=None, ceiling=replace(state.ceiling, seconds=None))
    seconds = tuning.ceiling_seconds
    if state.ceiling.seconds is not None:
        seconds = min(2 * state.ceiling.seconds, tuning.max_ceiling_seconds)
    until = now + policy.stabilization_down + seconds
    ceiling = Ceiling(trial.replicas_before, until, seconds, trial.throughput_before)
    return replace(state, trial=None, ceiling=ceiling)


def _unless_lifted(policy: ScalingPolicy, ceiling: Ceiling, throughput: float, now: float) -> Ceiling:
    """Without a ceiling that has expired, or whose bottleneck is gone."""
    expired = ceiling.until is not None and now >= ceiling.until
    ratio = policy.tuning.ceiling_lifted_ratio
    lifted = ceiling.throughput is not None and throughput >= ratio * ceiling.throughput
    return Ceiling(seconds=ceiling.seconds) if expired or lifted else ceiling
