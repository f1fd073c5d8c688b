"""Scale-downs that had to be taken back: remembered, so that the same is not tried again soon.

Where no more orders arrive than did then, fewer consumers were too few, and are for a while not gone back to. Where
more do, the load comes and goes: when it was back soon, the next scale-down is waited for longer. So it is after a
number between two steps, which is right or wrong by what single partitions bring, and that moves.
"""

from dataclasses import replace

from orderpipeline_operator.domain.lag.sample import LagSample
from orderpipeline_operator.domain.scaling import even_steps
from orderpipeline_operator.domain.scaling.model import ScalingPolicy, ScalingState

JUDGED = 600.0
"""Seconds after which a scale-down that was not taken back was right; so long one that was not is not repeated, the
first time. Each further time it is twice as long."""
MOST = 4 * 3600.0
"""Seconds, the longest of these times."""
BETWEEN = 4
"""So many times as long is waited for with the next scale-down after a number between two steps was too few."""
ALIKE = 1.1
"""A load is the same as another while it is no more than this many times the other."""


def fallen(state: ScalingState, current: int, sample: LagSample, now: float) -> ScalingState:
    """State when `current` consumers become fewer."""
    return replace(state, fall_at=now, fall_from=current, fall_rate=sample.arrival_rate or 0.0)


def hold(policy: ScalingPolicy, state: ScalingState) -> float:
    """Seconds for which fewer must be wanted."""
    return max(policy.stabilization_down, state.hold or 0.0)


def risen(policy: ScalingPolicy, state: ScalingState, sample: LagSample, now: float) -> ScalingState:
    """State when consumers become more: was the last scale-down a mistake?"""
    if state.fall_at is None or state.fall_rate is None:
        return state
    arriving = sample.arrival_rate or 0.0
    done = replace(state, fall_at=None, fall_from=None, fall_rate=None)
    between = state.desired not in even_steps.steps(sample.partitions)
    alike = 0.0 < arriving <= ALIKE * state.fall_rate  # what waits while nothing arrives says nothing of a load
    if between or not alike:
        held = hold(policy, state)
        soon = between or now - state.fall_at < 2 * held
        longer = min((BETWEEN if between else 2) * held, max(held, JUDGED))
        return replace(done, hold=longer) if soon else done
    lasts = JUDGED if state.least_for is None else min(2 * state.least_for, MOST)
    return replace(done, least=state.fall_from, least_until=now + lasts, least_for=lasts, least_rate=arriving)


def judged(state: ScalingState, now: float) -> ScalingState:
    """State without what time has overtaken."""
    if state.least_until is not None and now >= state.least_until:
        state = replace(state, least=None, least_until=None, least_rate=None)
    if state.fall_at is not None and now - state.fall_at >= JUDGED:
        state = replace(state, fall_at=None, fall_from=None, fall_rate=None, least_for=None, hold=None)
    return state


def least(state: ScalingState, sample: LagSample) -> int:
    """Fewest consumers that are known to do for what arrives now; 0 where nothing is remembered of the like."""
    if state.least is None or ALIKE * (sample.arrival_rate or 0.0) < (state.least_rate or 0.0):
        return 0
    return state.least
