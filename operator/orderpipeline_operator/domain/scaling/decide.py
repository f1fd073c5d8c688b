"""The scaling decision: a pure function from policy, sample, state and time to a number of consumers and its reason."""

from dataclasses import replace

from orderpipeline_operator.domain.api.v1alpha1 import schedule
from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import LagSample, Unknown
from orderpipeline_operator.domain.scaling import backoff, even_steps
from orderpipeline_operator.domain.scaling.facts import Wish, wish
from orderpipeline_operator.domain.scaling.members import lightest, members_of
from orderpipeline_operator.domain.scaling.model import Decision, Number, Reason, ScalingPolicy, ScalingState
from orderpipeline_operator.domain.scaling.observe import observe, saturated

REBALANCE_PATIENCE = 120.0
"""Seconds for which a rebalancing group holds the decision; a group that never settles must not hold it for ever."""


def decide(policy: ScalingPolicy, sample: LagSample | Unknown, state: ScalingState, now: float) -> Decision:
    """Decide for one sample. `now` is Unix seconds; `state` is that of the decision before (or of the status).

    An unknown sample, a clock that stepped back and a rebalance hold what is. `mode` Recommend is decided as Auto is;
    it is for the caller not to act on it.
    """
    if policy.mode == "Off":
        fixed = state.desired if policy.fixed is None else policy.fixed
        what = "the consumers are left as they are" if policy.fixed is None else f"{fixed} consumers as spec'd"
        kept = ScalingState(at=now, desired=fixed)
        return _decision(now, kept, state, "Off", f"autoscaling.mode is Off: {what}.", {})
    if isinstance(sample, Unknown):
        # What is not known is neither quiet nor a wish for fewer: all waiting times start again.
        # Rates that span the gap say nothing of the consumers, so these have to settle anew as well.
        kept = replace(_patient(state), at=now, active_since=None, quiet_since=None, members=None, members_since=None)
        return _decision(now, kept, state, "Unknown", f"Hold {_held(state)}: {sample.reason}: {sample.message}", {})
    if state.at is not None and now < state.at:
        kept = replace(state.shifted(now - state.at), at=now)
        return _decision(now, kept, state, "ClockStep", f"Hold {_held(state)}: the clock was set back.", {})
    seen = replace(observe(policy, sample, state, now), at=now)
    upper = max(min(policy.bounds.maximum, sample.partitions), 1)
    widest = ConsumerBounds(min(policy.bounds.minimum, upper), upper)
    bounds, held = schedule.narrow(widest, policy.schedules, now)
    return _settle(policy, sample, seen, wish(policy, sample, state, seen, bounds, held, now), state, bounds, now)


def _settle(
    policy: ScalingPolicy,
    sample: LagSample,
    seen: ScalingState,
    wished: Wish,
    before: ScalingState,
    bounds: ConsumerBounds,
    now: float,
) -> Decision:
    current = bounds.minimum if seen.desired is None else seen.desired
    if bounds.clamp(current) != current:
        replicas = bounds.clamp(current)
        if not wished.idle:
            replicas = even_steps.round_up(replicas, sample.partitions, bounds)
        names = wished.numbers["schedule"]
        held = f" (schedule {names})" if names else ""
        text = f"{current} consumers are outside {bounds.minimum} to {bounds.maximum}{held}: {replicas} at once."
        last_up = now if replicas > current else seen.last_up
        moved = replace(_untried(_patient(seen)), desired=replicas, last_up=last_up)
        return _decision(now, moved, before, "Bounds", text, wished.numbers)
    since = seen.rebalancing_since
    if since is not None and current > 0 and now - since < REBALANCE_PATIENCE:
        text = f"Hold {current}: the group rebalances; {wished.wanted} would be wanted."
        return _decision(now, replace(seen, desired=current), before, "Rebalancing", text, wished.numbers)
    if wished.wanted > current:
        return _up(policy, sample, before, seen, wished, current, now)
    if wished.wanted < current:
        return _down(policy, sample, before, seen, wished, current, now)
    return _decision(now, replace(_patient(seen), desired=current), before, wished.reason, wished.text, wished.numbers)


def _up(
    policy: ScalingPolicy,
    sample: LagSample,
    before: ScalingState,
    seen: ScalingState,
    wished: Wish,
    current: int,
    now: float,
) -> Decision:
    since = seen.above_since if seen.above_since is not None else now
    goal = min(wished.wanted, seen.above_trough if seen.above_trough is not None else wished.wanted)
    seen = replace(_patient(seen), above_since=since, above_trough=goal, desired=current)
    if now - since < policy.stabilization_up:
        text = f"Hold {current}: more wanted for {now - since:.0f} of {policy.stabilization_up:g} s. {wished.text}"
        return _decision(now, seen, before, "StabilizingUp", text, wished.numbers)
    tried = saturated(policy, sample) and bool(sample.processed_rate) and bool(sample.group.members)
    seen = replace(
        backoff.risen(policy, _patient(seen), sample, now),
        desired=goal,
        last_up=now,
        trial_at=now if tried else None,
        trial_from=current if tried else None,
        trial_to=goal if tried else None,
        trial_before=sample.processed_rate if tried else None,
    )
    return _decision(now, seen, before, wished.reason, wished.text, wished.numbers)


def _down(
    policy: ScalingPolicy,
    sample: LagSample,
    before: ScalingState,
    seen: ScalingState,
    wished: Wish,
    current: int,
    now: float,
) -> Decision:
    below, hold = _below(seen.below, wished.wanted, now), backoff.hold(policy, seen)
    seen = replace(_patient(seen), below=below, desired=current)
    ripe = [number for since, number in below if now - since >= hold and number < current]
    cooled = seen.last_up is None or now - seen.last_up >= policy.stabilization_down
    if wished.idle and cooled:
        ripe = [wished.wanted]  # idleAfter was the wait
    if not ripe:
        waited = f"{now - below[0][0]:.0f} of {hold:g} s"
        text = f"Hold {current}: fewer wanted for {waited}. {wished.text}"
        return _decision(now, seen, before, "StabilizingDown", text, wished.numbers)
    goal = ripe[-1]
    still = tuple(wish for wish in below if wish[1] < goal)  # fewer still, but not for long enough yet
    gone = replace(backoff.fallen(_untried(seen), current, sample, now), below=still, desired=goal)
    text = wished.text if goal == wished.wanted else f"{goal} for now, as fewer are not wanted for long. {wished.text}"
    decision = _decision(now, gone, before, wished.reason, text, wished.numbers)
    members = members_of(sample)
    return replace(decision, leaving=lightest(members, len(members) - goal))


def _below(below: tuple[tuple[float, int], ...], wanted: int, now: float) -> tuple[tuple[float, int], ...]:
    """Since when no more than each number was wanted, after one wish more."""
    kept = tuple(wish for wish in below if wish[1] > wanted)
    since = below[len(kept)][0] if len(kept) < len(below) else now
    return (*kept, (since, wanted))


def _patient(state: ScalingState) -> ScalingState:
    """State without a wish under way."""
    return replace(state, below=(), above_since=None, above_trough=None)


def _untried(state: ScalingState) -> ScalingState:
    """State without a scale-up on trial."""
    return replace(state, trial_at=None, trial_from=None, trial_to=None, trial_before=None)


def _held(state: ScalingState) -> str:
    return "the present number" if state.desired is None else str(state.desired)


def _decision(
    now: float, state: ScalingState, before: ScalingState, reason: Reason, message: str, numbers: dict[str, Number]
) -> Decision:
    return Decision(now, state.desired, before.desired, reason, message, numbers, state)
