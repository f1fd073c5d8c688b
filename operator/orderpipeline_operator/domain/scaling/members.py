"""What each member of the group has to do, by the partitions that it owns, and which members are spare.

Kafka spreads partitions by their number alone, and only Kafka decides who gets which. Which pod goes first is ours to
say, though. So there may be fewer consumers than an even step where each of the others has capacity for a partition
more: the members with the least to do go, and any other one may take over what they leave.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from orderpipeline_operator.domain.lag.sample import LagSample, Load
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy


class Member(NamedTuple):
    """One member and the partitions that it owns; what it receives and what it processes, in orders per second."""

    client: str
    loads: tuple[Load, ...]
    arrivals: float
    processed: float


def member(client: str, loads: Iterable[Load]) -> Member:
    """The member that owns `loads`."""
    mine = tuple(loads)
    return Member(client, mine, sum([load.arrival_rate for load in mine]), sum([load.processed_rate for load in mine]))


def members_of(sample: LagSample) -> tuple[Member, ...]:
    """Members and what they own; none where the owner of some partition is not known."""
    loads = {load.partition: load for load in sample.loads}
    members = tuple(
        member(client, [loads[number] for number in owned if number in loads]) for client, owned in sample.group.owners
    )
    return members if sum(len(one.loads) for one in members) == len(loads) else ()


def worst_lag(policy: ScalingPolicy, members: Iterable[Member], rate: float) -> float:
    """Seconds by which the worst member will lag when more consumers could help it, at `rate` orders/s for each.

    A member with a single partition cannot be helped, nor one of whose partitions alone receives more than `rate`. The
    backlog of a partition that stands still is no sign of too much to do. What is decided on is as old as the time
    between two samples, too.
    """
    worst, help_in = 0.0, policy.tuning.scale_up_lead_seconds + policy.poll_interval
    for one in _helpable(members, rate):
        moving = [load for load in one.loads if load.processed_rate]
        lag = sum([load.lag for load in moving]) / rate
        for load in moving:  # of its partitions one may lag by more than the others
            if load.lag > policy.tuning.partition_backlog_seconds * rate:
                lag = max(lag, load.lag / load.processed_rate)
        worst = max(worst, lag + help_in * max(one.arrivals / rate - 1.0, 0.0))
    return worst


def any_overloaded(members: Iterable[Member], rate: float) -> bool:
    """Whether a member whom more consumers could help receives more than `rate` orders/s."""
    return any(one.arrivals > rate for one in _helpable(members, rate))


def _helpable(members: Iterable[Member], rate: float) -> list[Member]:
    return [one for one in members if len(one.loads) > 1 and max([load.arrival_rate for load in one.loads]) <= rate]


def lightest(members: Iterable[Member], count: int) -> tuple[str, ...]:
    """Clients of the `count` members that receive the fewest orders; the first should go first."""
    return tuple(one.client for one in _by_arrivals(members)[: max(count, 0)])


def spare_count(members: Sequence[Member], rate: float) -> int:
    """How many of the lightest members may go without anybody then receiving more than `rate` orders/s.

    Kafka gives what they leave to those with the fewest partitions, one to each. 0 where members cannot be told apart,
    or where their numbers of partitions differ by more than one, as those of other topics' consumers may.
    """
    sizes = {len(one.loads) for one in members}
    if len({one.client for one in members}) < len(members) or not sizes or max(sizes) - min(sizes) > 1:
        return 0
    order, fewest = _by_arrivals(members), min(sizes)
    takers = sum(len(one.loads) == fewest for one in order)
    heaviest = max(one.arrivals for one in order if len(one.loads) == fewest)
    left = moved = 0
    largest = 0.0
    for one in order[:-1]:
        takers -= len(one.loads) == fewest
        moved += len(one.loads)
        largest = max([largest, *(load.arrival_rate for load in one.loads)])
        if moved > takers or (moved and largest + heaviest > rate):
            break
        left += 1
    return left


def _by_arrivals(members: Iterable[Member]) -> list[Member]:
    return sorted(members, key=lambda one: (one.arrivals, one.client))
