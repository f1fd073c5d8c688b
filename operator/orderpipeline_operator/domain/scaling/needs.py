"""The numbers of consumers that a situation calls for, one for each consideration, before one is chosen."""

import math
from dataclasses import dataclass

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.scaling import backoff, even_steps
from orderpipeline_operator.domain.scaling.backlog import lagging, waiting
from orderpipeline_operator.domain.scaling.demand import Demand, step_for_uneven
from orderpipeline_operator.domain.scaling.members import any_overloaded, members_of, spare_count, worst_lag
from orderpipeline_operator.domain.scaling.situation import Situation


@dataclass(frozen=True, slots=True)
class MemberNeeds:
    """What is known of single members.

    `known`: the owner of each partition is known; `lagging`: one lags, and not because of a hot partition;
    `overloaded_member`: one receives more than it can do, though all together do not; `none_overloaded`: none has more
    to do than it can; `spare`: so many may go, even if the rest is between two even steps.
    """

    known: bool
    lagging: bool
    overloaded_member: bool
    none_overloaded: bool
    spare: int


@dataclass(frozen=True, slots=True)
class Needs:
    """Numbers of consumers.

    `floor`: while orders arrive, or when idle; `required`: for the demand that more of them can serve;
    `required_with_tolerance`: the same with the overload that is tolerated; `min_for_scale_down`: the same with a
    margin, to which their number may fall; `backoff_floor`: fewer were too few a while ago, 0: nothing known of that;
    `uneven`: so that the busiest does not receive too much; `requested`: for the whole demand, were it evenly spread;
    `prepared`: once what is forecast arrives; `ceiling`: more than that did not help, None: nothing known of that.
    """

    current: int
    partitions: int
    bounds: ConsumerBounds
    idle: bool
    floor: int
    required: int
    required_with_tolerance: int
    min_for_scale_down: int
    backoff_floor: int
    uneven: int
    requested: int
    prepared: int
    ceiling: int | None
    members: MemberNeeds


def needs_of(situation: Situation, demand: Demand) -> Needs:
    """What the situation calls for."""
    policy, rate, tuning = situation.policy, situation.rate, situation.policy.tuning
    required = _consumers(situation, demand.servable / rate)
    return Needs(
        current=situation.current,
        partitions=situation.partitions,
        bounds=situation.bounds,
        idle=situation.idle,
        floor=_floor(situation),
        required=required,
        required_with_tolerance=min(
            required,
            max(
                math.ceil(demand.servable / rate / tuning.overload_tolerance),
                math.ceil(demand.servable_arrivals / rate / tuning.max_utilization),
            ),
        ),
        min_for_scale_down=_consumers(situation, demand.servable / rate / tuning.max_utilization),
        backoff_floor=backoff.floor(policy, situation.learned.backoff, situation.sample),
        uneven=_uneven(situation, required),
        requested=_consumers(situation, demand.total / rate),
        prepared=_prepared(situation, demand, required),
        ceiling=_ceiling(situation),
        members=_members(situation, demand),
    )


def _consumers(situation: Situation, exactly: float) -> int:
    """A whole number of consumers, 0 unless orders arrive or wait, and no more than an assumed rate may ask for."""
    busy = not situation.idle and (bool(waiting(situation.sample)) or situation.quiet_for is None)
    number = math.ceil(exactly) if busy else 0
    return number if situation.limit is None else min(number, situation.limit)


def _floor(situation: Situation) -> int:
    bounds, policy = situation.bounds, situation.policy
    if situation.idle:
        return bounds.minimum
    steady = situation.learned.activity.steady
    return bounds.clamp(even_steps.step(situation.partitions, policy.per_consumer_max) if steady else 1)


def _uneven(situation: Situation, required: int) -> int:
    if required <= 1 or situation.limit is not None:
        return 0
    return step_for_uneven(situation.sample.loads, situation.rate, situation.policy.tuning.uneven_deviations)


def _prepared(situation: Situation, demand: Demand, required: int) -> int:
    if demand.forecast is None:
        return required
    # A forecast of a small part of one consumer's work is no reason to wake a pipeline that sleeps.
    consumers = demand.prepared / situation.rate
    wake = 1.0 - situation.policy.tuning.wake_ratio
    return max(required, math.floor(consumers + wake) if situation.idle else math.ceil(consumers))


def _ceiling(situation: Situation) -> int | None:
    ceiling = situation.before.ceiling
    return ceiling.replicas if ceiling.until is not None and situation.now < ceiling.until else None


def _members(situation: Situation, demand: Demand) -> MemberNeeds:
    policy, sample, rate = situation.policy, situation.sample, situation.rate
    members = members_of(sample)
    if not members:
        behind = any(lagging(policy, load) and load.arrival_rate <= rate for load in sample.loads)
        return MemberNeeds(False, behind, False, True, 0)
    if situation.limit is not None:  # while the rate is only estimated, treat no member as lagging
        return MemberNeeds(True, False, False, True, 0)
    tuning, lag = policy.tuning, worst_lag(policy, members, rate)
    calm = lag <= tuning.tolerated_lag_ratio * policy.target_catch_up
    # Whether it is the way partitions are shared out shows once they have been so for some time.
    since = situation.learned.group.members_since
    shared = since is not None and situation.now - since >= tuning.overload_settle_seconds
    return MemberNeeds(
        known=True,
        lagging=lag > tuning.urgent_lag_ratio * policy.target_catch_up,
        overloaded_member=shared and demand.arriving <= rate * len(members) and any_overloaded(members, rate),
        none_overloaded=calm,
        spare=spare_count(members, rate) if calm and len(members) == situation.current else 0,
    )
