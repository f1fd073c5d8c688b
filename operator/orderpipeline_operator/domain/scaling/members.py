"""What each member of the group has to do, by the partitions that it owns, and which of them could be spared.

Kafka spreads partitions by their number alone, and nobody but Kafka says who gets which. Which pod goes first is ours
to say, though. So there may be fewer consumers than the ladder has where whoever gets a partition could do it beside
his own: the members that have least to do go, and any other one may take up what they leave.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from orderpipeline_operator.domain.lag.sample import LagSample, Load

HELP = 30.0
"""Seconds from a decision until more consumers help: the HPA's look, a pod's start and the rebalance. What is decided
on is as old as the time between two samples, too."""

BACKLOG = 5.0
"""Seconds of a consumer's work that must wait in one partition to be looked at by itself: where hardly an order comes,
a single one that waits says nothing."""


class Member(NamedTuple):
    """One member and the partitions that it owns; what comes for it and what it did lately, in orders per second."""

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


def strain(members: Iterable[Member], rate: float, help_in: float) -> float:
    """Seconds by which the worst member will trail when more consumers could help it, at `rate` orders/s for each.

    Who has one partition only cannot be helped, nor who has one that alone brings more than `rate`. Of a partition that
    stands still the backlog is no sign of too much to do.
    """
    worst = 0.0
    for one in _helpable(members, rate):
        moving = [load for load in one.loads if load.processed_rate]
        trails = sum([load.lag for load in moving]) / rate
        for load in moving:  # of its partitions one may trail by more than the others
            if load.lag > BACKLOG * rate:
                trails = max(trails, load.lag / load.processed_rate)
        worst = max(worst, trails + help_in * max(one.arrivals / rate - 1.0, 0.0))
    return worst


def overloaded(members: Iterable[Member], rate: float) -> bool:
    """Whether for somebody whom more consumers could help more than `rate` orders/s come."""
    return any(one.arrivals > rate for one in _helpable(members, rate))


def _helpable(members: Iterable[Member], rate: float) -> list[Member]:
    return [one for one in members if len(one.loads) > 1 and max([load.arrival_rate for load in one.loads]) <= rate]


def lightest(members: Iterable[Member], count: int) -> tuple[str, ...]:
    """The clients of the `count` members for which fewest orders come, the first first."""
    return tuple(one.client for one in _by_arrivals(members)[: max(count, 0)])


def spare(members: Sequence[Member], rate: float) -> int:
    """How many of the lightest members may go, such that nobody is then asked for more than `rate` orders/s.

    Kafka gives what they leave to any of those who have fewest partitions, one to each. 0 where members cannot be told
    apart, or have numbers of partitions more than one apart, as other topics' consumers may.
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
