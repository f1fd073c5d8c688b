"""What a sample teaches before it is decided on: activity, the rate of one consumer, whether more of them helped."""

import math
from dataclasses import replace

from orderpipeline_operator.domain.lag.sample import LagSample, Load
from orderpipeline_operator.domain.scaling import backoff, forecast
from orderpipeline_operator.domain.scaling.members import Member, members_of
from orderpipeline_operator.domain.scaling.model import ScalingPolicy, ScalingState

SETTLE = 30.0
"""Seconds after which the smoothed rates speak of the present number of members."""
LEARN, LEARN_MORE = 60.0, 15.0
"""Time constants, in seconds, of the measured rate of one consumer, downward and upward: pauses and an uneven spread
make consumers look slow, hardly anything makes them look quick."""
RISING = 1.05
"""A rate that is so many times the one before still rises."""
GAIN = 1.1
"""A scale-up has helped when throughput is this many times what it was; a small one when half of it shows."""
LIFTED = 1.25
"""A bottleneck is gone when throughput is this many times what it was held at, without more consumers."""
TRIAL_FOR = 120.0
"""Seconds after which a scale-up whose consumers never joined says nothing."""
CEILING_FOR = 600.0
"""Seconds for which a step that did not help is not taken again, the first time; each further time twice as long."""
CEILING_MOST = 4 * 3600.0
"""Seconds, the longest of these times."""
LATE = 0.25
"""Share of the time to catch up by which one consumer may be behind before partitions that differ ask for more."""
STEADY_POLLS = 3
"""Samples in a row with orders that make arrivals steady."""


def observe(policy: ScalingPolicy, sample: LagSample, state: ScalingState, now: float) -> ScalingState:
    """State after `sample`, the decision aside. Never raises the measured rate when only the lag grows."""
    if policy.forecast is not None and sample.arrival_rate is not None and state.at is not None:
        known = forecast.learn(state.forecast, policy.forecast, sample.arrival_rate, now - state.at, now)
        state = replace(state, forecast=known)
    state = _activity(policy, sample, state, now)
    rebalancing = sample.group.state == "Rebalancing"
    since = state.rebalancing_since if state.rebalancing_since is not None else now
    state = replace(state, rebalancing_since=since if rebalancing else None)
    if sample.group.members != state.members:
        state = replace(state, members=sample.group.members, members_since=now)
    # While a scale-up is on trial its rate is not learned: a lower one would ask for still more consumers before it is
    # known whether these helped. Until they join, those that were there show the first rate, which is better than any
    # that is only assumed.
    joined = state.trial_from is not None and (sample.group.members or 0) > state.trial_from
    tried = state.trial_at is not None and (joined or state.rate is not None)
    learned = state if tried else _rate(policy, sample, state, now)
    return _trial(policy, sample, backoff.judged(learned, now), now)


def waiting(sample: LagSample) -> int:
    """Orders that wait for a consumer; transaction markers don't."""
    return sample.orders - sample.markers


def saturated(policy: ScalingPolicy, sample: LagSample) -> bool:
    """Whether all that was processed lately was too little: two polls' worth of orders still wait."""
    return waiting(sample) > 2 * policy.poll_interval * (sample.processed_rate or 0.0)


def behind(policy: ScalingPolicy, sample: LagSample) -> bool:
    """Whether consumers, or the one of some partition, have more to do than they can."""
    return saturated(policy, sample) or any(_backlogged(load, policy) for load in sample.loads)


def _activity(policy: ScalingPolicy, sample: LagSample, state: ScalingState, now: float) -> ScalingState:
    if sample.arrived:
        state = replace(state, arrived_at=now)
    # A lag that stays when orders have long ceased to come is no steady flow: it gets what its demand asks for.
    flows = state.arrived_at is not None and now - state.arrived_at < policy.idle_after
    if waiting(sample) or sample.arrived:
        since = state.active_since if state.active_since is not None else now
        steady = (state.steady or now - since >= STEADY_POLLS * policy.poll_interval) and flows
        return replace(state, active_since=since, quiet_since=None, steady=steady)
    if sample.arrived is None:  # the first reading can't tell whether orders arrive
        return replace(state, active_since=None, quiet_since=None)
    since = state.quiet_since if state.quiet_since is not None else now
    steady = state.steady and flows and now - since < policy.idle_after
    return replace(state, active_since=None, quiet_since=since, steady=steady)


def _settled(sample: LagSample, state: ScalingState, now: float) -> bool:
    steady_group = sample.group.state == "Stable" and bool(sample.group.members)
    return steady_group and state.members_since is not None and now - state.members_since >= SETTLE


def _rate(policy: ScalingPolicy, sample: LagSample, state: ScalingState, now: float) -> ScalingState:
    """Consumers that had enough to do show their rate; others show only that it is no lower than was known."""
    members = sample.group.members
    if not sample.processed_rate or not members or not _settled(sample, state, now):
        return state
    seen = _shown(sample, policy, sample.partitions / min(members, sample.partitions))
    if seen is None:
        return state
    if state.rate is None:
        return _first_rate(policy, sample, state, seen)
    if saturated(policy, sample):
        elapsed = min(now - state.at, LEARN) if state.at is not None else 0.0
        weight = -math.expm1(-elapsed / (LEARN if seen < state.rate else LEARN_MORE))
        return replace(state, rate=state.rate + weight * (seen - state.rate))
    return replace(state, rate=seen) if seen > state.rate else state


def _first_rate(policy: ScalingPolicy, sample: LagSample, state: ScalingState, seen: float) -> ScalingState:
    """The first rate is that of whoever is behind, once it rises no more: where a load begins, smoothed rates begin."""
    most = max(state.shown or 0.0, seen)
    if behind(policy, sample) and seen <= RISING * (state.shown or 0.0):
        return replace(state, rate=most)
    return replace(state, shown=most)


def _shown(sample: LagSample, policy: ScalingPolicy, each: float) -> float | None:
    """What one busy consumer of `each` partitions did per second; None when nothing of what waits was processed.

    A consumer is busy when one of its partitions has a backlog; the others of its partitions are as any. Where all have
    one that is the plain mean. A partition that stands still keeps nobody busy.
    """
    members = members_of(sample)
    if members:
        return _shown_by(members, policy, behind(policy, sample))
    everywhere = (sample.processed_rate or 0.0) / sample.partitions
    if not sample.loads or not behind(policy, sample):
        return each * everywhere
    busy = [load.processed_rate for load in sample.loads if _backlogged(load, policy)]
    return sum(busy) / len(busy) + (each - 1.0) * everywhere if busy else None


def _shown_by(members: tuple[Member, ...], policy: ScalingPolicy, behind: bool) -> float | None:
    """What a busy member did per second; while none is behind, the most that one did."""
    busy = sorted(one.processed for one in members if any(_backlogged(load, policy) for load in one.loads))
    if behind:
        # Some have only just begun to be busy, so not the mean; commits come in jerks, so not the most.
        return busy[3 * len(busy) // 4] if busy else None
    return max(one.processed for one in members)


def _backlogged(load: Load, policy: ScalingPolicy) -> bool:
    return bool(load.processed_rate) and load.lag > 2 * policy.poll_interval * load.processed_rate


def trails(load: Load, policy: ScalingPolicy) -> bool:
    """Whether the partition's consumer is behind by so much that there is no time to lose, however rare samples are."""
    room = min(2 * policy.poll_interval, policy.target_catch_up * LATE)
    return bool(load.processed_rate) and load.lag > room * load.processed_rate


def _trial(policy: ScalingPolicy, sample: LagSample, state: ScalingState, now: float) -> ScalingState:
    """Judge the last scale-up. One that brought nothing closes what is above the number before it for a while.

    The number then wanted is lower, and comes about as any lower number does: after the stabilisation.
    """
    over = state.ceiling_until is not None and now >= state.ceiling_until
    lifted = state.ceiling_rate is not None and (sample.processed_rate or 0.0) >= LIFTED * state.ceiling_rate
    if over or lifted:  # what held the throughput down before is gone, or may be
        state = replace(state, ceiling=None, ceiling_until=None, ceiling_rate=None)
    if state.trial_at is None or state.trial_from is None or state.trial_to is None or state.trial_before is None:
        return state
    done = replace(state, trial_at=None, trial_from=None, trial_to=None, trial_before=None)
    if not saturated(policy, sample) or now - state.trial_at >= TRIAL_FOR:
        return done
    if (sample.group.members or 0) < min(state.trial_to, sample.partitions) or not _settled(sample, state, now):
        return state
    grown = min(state.trial_to, sample.partitions) / max(state.trial_from, 1)
    if (sample.processed_rate or 0.0) >= min(GAIN, 1.0 + (grown - 1.0) / 2) * state.trial_before:
        return replace(done, ceiling_for=None)
    lasts = CEILING_FOR if state.ceiling_for is None else min(2 * state.ceiling_for, CEILING_MOST)
    until = now + policy.stabilization_down + lasts
    before = state.trial_before
    return replace(done, ceiling=state.trial_from, ceiling_until=until, ceiling_for=lasts, ceiling_rate=before)
