"""Scale-downs that had to be reverted: remembered, so that the same is not tried again soon.

Where no more orders arrive than did then, fewer consumers were too few, and are not gone back to for a while. Where
more do, the load comes and goes: when it was back soon, the next scale-down waits longer. The same holds for a number
between two even steps, which is right or wrong by what single partitions receive, and that changes.
"""

from dataclasses import replace

from orderpipeline_operator.domain.lag.sample import LagSample
from orderpipeline_operator.domain.scaling import even_steps
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.domain.scaling.state import Backoff, ScaleDown


def wait(policy: ScalingPolicy, backoff: Backoff) -> float:
    """Seconds for which fewer consumers must be recommended before they go."""
    return max(policy.stabilization_down, backoff.wait or 0.0)


def floor(policy: ScalingPolicy, backoff: Backoff, sample: LagSample) -> int:
    """Fewest consumers that are known to do for what arrives now; 0 where nothing of the kind is remembered."""
    arriving = sample.arrival_rate or 0.0
    if backoff.floor is None or policy.tuning.same_load_ratio * arriving < (backoff.floor_rate or 0.0):
        return 0
    return backoff.floor


def on_scale_down(backoff: Backoff, current: int, sample: LagSample, now: float) -> Backoff:
    """When `current` consumers become fewer."""
    return replace(backoff, scale_down=ScaleDown(now, current, sample.arrival_rate or 0.0))


def on_scale_up(policy: ScalingPolicy, backoff: Backoff, current: int, sample: LagSample, now: float) -> Backoff:
    """When `current` consumers become more: was the last scale-down a mistake?"""
    last, tuning = backoff.scale_down, policy.tuning
    if last is None:
        return backoff
    done = replace(backoff, scale_down=None)
    arriving = sample.arrival_rate or 0.0
    between = current not in even_steps.steps(sample.partitions)
    # A backlog while nothing arrives says nothing about a load.
    same_load = 0.0 < arriving <= tuning.same_load_ratio * last.arrival_rate
    if between or not same_load:
        waited = wait(policy, backoff)
        if not between and now - last.started_at >= 2 * waited:
            return done
        factor = tuning.uneven_backoff_factor if between else tuning.backoff_factor
        return replace(done, wait=min(factor * waited, max(waited, tuning.probation_seconds)))
    seconds = tuning.probation_seconds
    if backoff.floor_seconds is not None:
        seconds = min(tuning.backoff_factor * backoff.floor_seconds, tuning.max_backoff_seconds)
    floor = last.replicas_before
    return replace(done, floor=floor, floor_until=now + seconds, floor_seconds=seconds, floor_rate=arriving)


def expire(policy: ScalingPolicy, backoff: Backoff, now: float) -> Backoff:
    """Without what time has overtaken."""
    if backoff.floor_until is not None and now >= backoff.floor_until:
        backoff = replace(backoff, floor=None, floor_until=None, floor_rate=None)
    last = backoff.scale_down
    if last is not None and now - last.started_at >= policy.tuning.probation_seconds:
        backoff = replace(backoff, scale_down=None, floor_seconds=None, wait=None)
    return backoff
