"""The number of consumers that one sample alone asks for, with its arithmetic. Waiting and holding come after it."""

import math
from dataclasses import dataclass

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import LagSample
from orderpipeline_operator.domain.scaling import backoff, even_steps
from orderpipeline_operator.domain.scaling.demand import Demand, demand_of, for_uneven
from orderpipeline_operator.domain.scaling.explain import words
from orderpipeline_operator.domain.scaling.members import HELP, members_of, overloaded, spare, strain
from orderpipeline_operator.domain.scaling.model import Number, Reason, ScalingPolicy, ScalingState
from orderpipeline_operator.domain.scaling.observe import LATE, SETTLE, behind, trails, waiting
from orderpipeline_operator.domain.scaling.rules import Sums, choose

OVER = 1.1
"""So many times what a number of consumers does may be asked of it before the next step of the ladder is taken: that
step may be twice as many, and the backlog is worked off a little later instead."""
FULL = 0.95
"""But no more than this share of what they do may be arrivals, or the backlog would stay. For the same reason fewer
consumers must be asked for no more than this share of what they do."""
URGENT = 0.9
"""Share of the time to catch up by which one consumer may trail, once more of them could help, before they come."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted, whether that is for idleness, and why."""

    wanted: int
    idle: bool
    reason: Reason
    text: str
    numbers: dict[str, Number]


def wish(
    policy: ScalingPolicy, sample: LagSample, before: ScalingState, seen: ScalingState,
    bounds: ConsumerBounds, schedule: str, now: float,
) -> Wish:  # fmt: skip
    """`before` is the state before the sample, `seen` the one after it; `schedule` names what made the bounds."""
    # What this sample taught of the rate counts from the next one on: so more lag can never mean fewer consumers.
    rate = before.rate if before.rate is not None else max(policy.cold_rate, before.shown or 0.0)
    demand = demand_of(policy, sample, seen, rate, now)
    quiet_for = None if seen.quiet_since is None else now - seen.quiet_since
    # Nor does a first reading, which cannot tell whether orders arrive, wake what a restart found asleep.
    asleep = before.desired == 0 and not waiting(sample) and not sample.arrived
    idle = (asleep or (quiet_for is not None and quiet_for >= policy.idle_after)) and not sample.markers
    # An assumed rate counts once the consumers show that they do not keep up. Until then the floor is all there is to
    # go by, and what is above it is given back, so that the true rate comes to light.
    guessed = before.rate is None and not behind(policy, sample)
    current = bounds.minimum if seen.desired is None else seen.desired
    # Having gone by it once, they first settle, or a number given back would be taken again before it taught anything.
    given_back = seen.last_up is not None and now - seen.last_up >= policy.stabilization_down
    early = given_back and seen.members_since is not None and now - seen.members_since < SETTLE
    most = 1 if guessed else max(current, 1) if before.rate is None and early else None
    sums = _sums(policy, sample, before, seen, bounds, demand, rate, idle, most, now, current)
    wanted, reason = choose(sums, current, sample.partitions, bounds, idle, quiet_for is not None)
    hot = demand.hot[0] if demand.hot else (None, None)
    rate_is = "measured" if before.rate is not None else "assumed, not counted yet" if guessed else "assumed"
    numbers: dict[str, Number] = {
        "partitions": sample.partitions, "lag": sample.orders, "lagSeconds": sample.seconds,
        "arrivalRate": sample.arrival_rate, "processedRate": sample.processed_rate, "ratePerConsumer": rate,
        "rateIs": rate_is, "targetCatchUp": policy.target_catch_up,
        "demand": demand.total, "needed": sums.needed,
        "uneven": sums.uneven if sums.uneven > sums.needed else None,
        "spared": sums.spared if max(sums.needed, sums.uneven) < sums.spared and wanted == current else None,
        "least": sums.least if max(sums.spared, sums.uneven) < sums.least and wanted == current else None,
        "asked": sums.asked if sums.asked > sums.needed else None,
        "hotPartition": hot[0], "hotDemand": hot[1], "stuckPartition": sample.stuck[0] if sample.stuck else None,
        "foretoldRate": demand.foretold, "floor": sums.floor, "minimum": bounds.minimum, "maximum": bounds.maximum,
        "schedule": schedule or None, "ceiling": sums.ceiling, "members": sample.group.members,
        "spare": current - wanted if reason == "Spare" and wanted < current else None, "wanted": wanted,
    }  # fmt: skip
    return Wish(wanted, idle, reason, words(reason, numbers, policy, sample, demand.hot, quiet_for), numbers)


def _sums(
    policy: ScalingPolicy, sample: LagSample, before: ScalingState, seen: ScalingState, bounds: ConsumerBounds,
    demand: Demand, rate: float, idle: bool, most: int | None, now: float, current: int,
) -> Sums:  # fmt: skip
    busy = not idle and (bool(waiting(sample)) or seen.quiet_since is None)
    steady = bounds.clamp(even_steps.step(sample.partitions, policy.per_consumer_max) if seen.steady else 1)
    asked = math.ceil(demand.total / rate) if busy else 0
    needed = math.ceil(demand.useful / rate) if busy else 0
    spared = math.ceil(demand.useful / rate / FULL) if busy else 0
    if most is not None:
        needed, spared, asked = (min(number, most) for number in (needed, spared, asked))
    uneven = for_uneven(sample.loads, rate) if needed > 1 and most is None else 0
    members = members_of(sample)
    if members and most is not None:  # by an assumed rate nobody trails who is not seen to
        late, lone, calm = False, False, True
    elif members:
        trailing = strain(members, rate, HELP + policy.poll_interval)
        late, calm = trailing > URGENT * policy.target_catch_up, trailing <= LATE * policy.target_catch_up
        # Whether it is the way partitions are shared out shows once they have been so for some time.
        shared = seen.members_since is not None and now - seen.members_since >= 2 * SETTLE
        lone = shared and demand.arriving <= rate * len(members) and overloaded(members, rate)
    else:
        late, lone, calm = any(trails(load, policy) and load.arrival_rate <= rate for load in sample.loads), False, True
    prepared = needed
    if demand.foretold is not None:
        # To a pipeline that sleeps, a forecast of less than half a consumer's work is no reason to wake.
        consumers = demand.prepared / rate
        prepared = max(needed, math.floor(consumers + 0.5) if idle else math.ceil(consumers))
    return Sums(
        floor=bounds.minimum if idle else steady,
        needed=needed,
        enough=min(needed, max(math.ceil(demand.useful / rate / OVER), math.ceil(demand.flowing / rate / FULL))),
        spared=spared,
        least=backoff.least(seen, sample),
        uneven=uneven,
        asked=asked,
        prepared=prepared,
        ceiling=before.ceiling if before.ceiling_until is not None and now < before.ceiling_until else None,
        late=late,
        lone=lone,
        calm=calm,
        spare=spare(members, rate) if len(members) == current and most is None and calm else 0,
        known=bool(members),
    )
