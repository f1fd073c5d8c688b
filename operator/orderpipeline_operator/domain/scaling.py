"""The scaling decision: a pure function from policy, sample, state and time to a number of consumers and its reason."""

import math
from dataclasses import replace

from orderpipeline_operator.domain import ladder
from orderpipeline_operator.domain.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag import LagSample, Unknown
from orderpipeline_operator.domain.scaling_model import Decision, Number, Reason, ScalingPolicy, ScalingState
from orderpipeline_operator.domain.scaling_observe import observe, saturated, waiting

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
        kept = replace(_patient(state), at=now, active_since=None, quiet_since=None)
        return _decision(now, kept, state, "Unknown", f"Hold {_held(state)}: {sample.reason}: {sample.message}", {})
    if state.at is not None and now < state.at:
        kept = replace(state.shifted(now - state.at), at=now)
        return _decision(now, kept, state, "ClockStep", f"Hold {_held(state)}: the clock was set back.", {})
    seen = replace(observe(policy, sample, state, now), at=now)
    upper = max(min(policy.bounds.maximum, sample.partitions), 1)
    bounds = ConsumerBounds(min(policy.bounds.minimum, upper), upper)
    return _settle(policy, sample, state, seen, bounds, now)


def _settle(
    policy: ScalingPolicy,
    sample: LagSample,
    before: ScalingState,
    seen: ScalingState,
    bounds: ConsumerBounds,
    now: float,
) -> Decision:
    wish = _Wish(policy, sample, before, seen, bounds, now)
    current = bounds.minimum if seen.desired is None else seen.desired
    if bounds.clamp(current) != current:
        replicas = bounds.clamp(current)
        text = f"{current} consumers are outside {bounds.minimum} to {bounds.maximum}: {replicas} at once."
        return _decision(now, replace(_patient(seen), desired=replicas), before, "Bounds", text, wish.numbers)
    since = seen.rebalancing_since
    if since is not None and current > 0 and now - since < REBALANCE_PATIENCE:
        text = f"Hold {current}: the group rebalances; {wish.wanted} would be wanted."
        return _decision(now, replace(seen, desired=current), before, "Rebalancing", text, wish.numbers)
    if wish.wanted > current:
        return _up(policy, sample, before, seen, wish, current, now)
    if wish.wanted < current:
        return _down(policy, before, seen, wish, current, now)
    return _decision(now, replace(_patient(seen), desired=current), before, wish.reason, wish.text, wish.numbers)


class _Wish:
    """The number that the sample alone asks for, with its arithmetic. Stabilisation comes after it."""

    def __init__(
        self, policy: ScalingPolicy, sample: LagSample, before: ScalingState, seen: ScalingState,
        bounds: ConsumerBounds, now: float,
    ) -> None:  # fmt: skip
        lag, arrival = waiting(sample), sample.arrival_rate or 0.0
        rate = seen.rate if seen.rate is not None else policy.cold_rate
        demand = arrival + lag / policy.target_catch_up
        needed = math.ceil(demand / rate) if lag or seen.quiet_since is None else 0
        quiet_for = None if seen.quiet_since is None else now - seen.quiet_since
        # Nor does a first reading, which cannot tell whether orders arrive, wake what a restart found asleep.
        asleep = before.desired == 0 and not lag and not sample.arrived
        self.idle = (asleep or (quiet_for is not None and quiet_for >= policy.idle_after)) and not sample.markers
        floor = self._floor(policy, sample, seen, bounds)
        self.wanted = bounds.minimum if self.idle else ladder.round_up(max(floor, needed), sample.partitions, bounds)
        ceiling = before.ceiling if before.ceiling_until is not None and now < before.ceiling_until else None
        capped = ceiling is not None and self.wanted > max(ceiling, floor)
        if ceiling is not None and capped:
            self.wanted = max(ceiling, floor)
        self.reason: Reason = self._reason(needed, floor, bounds, capped, quiet_for is not None)
        self.numbers: dict[str, Number] = {
            "partitions": sample.partitions, "lag": sample.orders, "lagSeconds": sample.seconds,
            "arrivalRate": sample.arrival_rate, "processedRate": sample.processed_rate, "ratePerConsumer": rate,
            "rateIs": "assumed" if seen.rate is None else "measured", "demand": demand, "needed": needed,
            "floor": floor, "minimum": bounds.minimum, "maximum": bounds.maximum, "wanted": self.wanted,
            "members": sample.group.members, "ceiling": ceiling,
        }  # fmt: skip
        self.text = _words(self.reason, self.wanted, self.numbers, policy, quiet_for)

    def _floor(self, policy: ScalingPolicy, sample: LagSample, seen: ScalingState, bounds: ConsumerBounds) -> int:
        if self.idle:
            return bounds.minimum
        return bounds.clamp(ladder.step(sample.partitions, policy.per_consumer_max) if seen.steady else 1)

    def _reason(self, needed: int, floor: int, bounds: ConsumerBounds, capped: bool, quiet: bool) -> Reason:
        if self.idle:
            return "Idle"
        if capped:
            return "Ineffective"
        if needed > bounds.maximum:
            return "AtMaximum"
        if needed > floor:
            return "Pressure" if floor > 1 else "Demand"
        return "Quiet" if quiet else ("Steady" if floor > 1 else "Demand")


def _words(
    reason: Reason, wanted: int, numbers: dict[str, Number], policy: ScalingPolicy, quiet_for: float | None
) -> str:
    n = {k: f"{v:.1f}" if isinstance(v, float) else str(v) for k, v in numbers.items()}
    sums = (
        f"{n['arrivalRate']} orders/s arrive and {n['lag']} wait, to be worked off in {policy.target_catch_up:g} s: "
        f"{n['demand']} orders/s at {n['ratePerConsumer']} per consumer ({n['rateIs']}) need {n['needed']}"
    )
    if reason == "Idle":
        return f"{wanted} consumers: no orders arrived and none wait for {quiet_for or 0:.0f} s."
    if reason == "Quiet":
        return f"{wanted} consumers: no orders arrive or wait, but idle only after {policy.idle_after:g} s."
    if reason == "Ineffective":
        return f"{wanted} consumers: {sums}, but more than {n['ceiling']} brought no throughput."
    if reason == "AtMaximum":
        return f"{wanted} consumers: {sums}, more than the maximum of {n['maximum']} allows."
    if reason == "Steady":
        floor = f"one per {policy.per_consumer_max} of {n['partitions']} partitions while orders arrive"
        return f"{wanted} consumers: {floor}; {sums}."
    return f"{wanted} consumers: {sums}, rounded up to spread {n['partitions']} partitions evenly."


def _up(
    policy: ScalingPolicy,
    sample: LagSample,
    before: ScalingState,
    seen: ScalingState,
    wish: _Wish,
    current: int,
    now: float,
) -> Decision:
    since = seen.above_since if seen.above_since is not None else now
    goal = min(wish.wanted, seen.above_trough if seen.above_trough is not None else wish.wanted)
    seen = replace(_patient(seen), above_since=since, above_trough=goal, desired=current)
    if now - since < policy.stabilization_up:
        text = f"Hold {current}: more wanted for {now - since:.0f} of {policy.stabilization_up:g} s. {wish.text}"
        return _decision(now, seen, before, "StabilizingUp", text, wish.numbers)
    tried = saturated(policy, sample) and bool(sample.processed_rate) and bool(sample.group.members)
    seen = replace(
        _patient(seen),
        desired=goal,
        last_up=now,
        trial_at=now if tried else None,
        trial_to=goal if tried else None,
        trial_before=sample.processed_rate if tried else None,
    )
    return _decision(now, seen, before, wish.reason, wish.text, wish.numbers)


def _down(
    policy: ScalingPolicy, before: ScalingState, seen: ScalingState, wish: _Wish, current: int, now: float
) -> Decision:
    since = seen.below_since if seen.below_since is not None else now
    goal = max(wish.wanted, seen.below_peak if seen.below_peak is not None else wish.wanted)
    seen = replace(_patient(seen), below_since=since, below_peak=goal, desired=current)
    cooled = seen.last_up is None or now - seen.last_up >= policy.stabilization_down
    if wish.idle and cooled:
        goal = wish.wanted  # idleAfter was the wait
    elif now - since < policy.stabilization_down:
        text = f"Hold {current}: fewer wanted for {now - since:.0f} of {policy.stabilization_down:g} s. {wish.text}"
        return _decision(now, seen, before, "StabilizingDown", text, wish.numbers)
    gone = replace(_patient(seen), desired=goal, trial_at=None, trial_to=None, trial_before=None)
    return _decision(now, gone, before, wish.reason, wish.text, wish.numbers)


def _patient(state: ScalingState) -> ScalingState:
    """State without a wish under way."""
    return replace(state, below_since=None, below_peak=None, above_since=None, above_trough=None)


def _held(state: ScalingState) -> str:
    return "the present number" if state.desired is None else str(state.desired)


def _decision(
    now: float, state: ScalingState, before: ScalingState, reason: Reason, message: str, numbers: dict[str, Number]
) -> Decision:
    return Decision(now, state.desired, before.desired, reason, message, numbers, state)
