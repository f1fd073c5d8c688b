"""Whether consumers have more to do than they can, as a sample shows it."""

from orderpipeline_operator.domain.lag.sample import LagSample, Load
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy


def waiting(sample: LagSample) -> int:
    """Orders that wait for a consumer; transaction markers don't."""
    return sample.orders - sample.markers


def saturated(policy: ScalingPolicy, sample: LagSample) -> bool:
    """Whether all that was processed lately was too little: as much as that in several polls still waits."""
    return waiting(sample) > policy.tuning.backlog_polls * policy.poll_interval * (sample.processed_rate or 0.0)


def has_backlog(policy: ScalingPolicy, load: Load) -> bool:
    """Whether the partition keeps its consumer busy; one that stands still does not."""
    room = policy.tuning.backlog_polls * policy.poll_interval * load.processed_rate
    return bool(load.processed_rate) and load.lag > room


def behind(policy: ScalingPolicy, sample: LagSample) -> bool:
    """Whether consumers, or the one of some partition, have more to do than they can."""
    return saturated(policy, sample) or any(has_backlog(policy, load) for load in sample.loads)


def lagging(policy: ScalingPolicy, load: Load) -> bool:
    """Whether the partition's consumer is behind by so much that there is no time to lose, however rare samples are."""
    tuning = policy.tuning
    room = min(tuning.backlog_polls * policy.poll_interval, policy.target_catch_up * tuning.tolerated_lag_ratio)
    return bool(load.processed_rate) and load.lag > room * load.processed_rate
