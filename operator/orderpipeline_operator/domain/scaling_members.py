"""What each member of the group has to do, by the partitions that it owns, and which of them could be spared.

Kafka spreads partitions by their number alone, and nobody but Kafka says who gets which. Which pod goes first is ours
to say, though. So there may be fewer consumers than the ladder has where whoever gets a partition could do it beside
his own: the members that have least to do go, and any other one may take up what they leave.
"""

from collections.abc import Iterable
from typing import NamedTuple

from orderpipeline_operator.domain.lag import LagSample, Load

HELP = 30.0
"""Seconds from a decision until more consumers help: the HPA's look, a pod's start and the rebalance."""


class Member(NamedTuple):
    """One member and the partitions that it owns."""

    client: str
    loads: tuple[Load, ...]

    @property
    def arrivals(self) -> float:
        """Orders per second that come for it."""
        return sum(load.arrival_rate for load in self.loads)

    @property
    def processed(self) -> float:
        """Orders per second that it did lately."""
        return sum(load.processed_rate for load in self.loads)


def members_of(sample: LagSample) -> tuple[Member, ...]:
    """Members and what they own; none where the owner of some partition is not known."""
    loads = {load.partition: load for load in sample.loads}
    members = tuple(
        Member(client, tuple(loads[number] for number in owned if number in loads))
        for client, owned in sample.group.owners
    )
    return members if sum(len(member.loads) for member in members) == len(loads) else ()


def strain(members: Iterable[Member], rate: float) -> float:
    """Seconds by which the worst member will trail when more consumers could help it, at `rate` orders/s for each.

    Who has one partition only cannot be helped, nor who has one that alone brings more than `rate`. Of a partition that
    stands still the backlog is no sign of too much to do.
    """
    worst = 0.0
    for member in members:
        if len(member.loads) > 1 and all(load.arrival_rate <= rate for load in member.loads):
            waiting = sum(load.lag for load in member.loads if load.processed_rate)
            worst = max(worst, waiting / rate + HELP * max(member.arrivals / rate - 1.0, 0.0))
    return worst


def lightest(members: Iterable[Member], count: int) -> tuple[str, ...]:
    """The clients of the `count` members for which fewest orders come, the first first."""
    order = sorted(members, key=lambda member: (member.arrivals, member.client))
    return tuple(member.client for member in order[: max(count, 0)])


def spare(members: tuple[Member, ...], rate: float) -> int:
    """How many of the lightest members may go, such that nobody is then asked for more than `rate` orders/s.

    Kafka gives what they leave to any of those who have fewest partitions, one to each. 0 where members cannot be told
    apart, or have numbers of partitions more than one apart, as other topics' consumers may.
    """
    owned = [len(member.loads) for member in members]
    unlike = len({member.client for member in members}) < len(members)
    if unlike or not owned or max(owned) - min(owned) > 1:
        return 0
    order = sorted(members, key=lambda member: (member.arrivals, member.client))
    left = moved = 0
    largest = 0.0
    for member in order[:-1]:
        moved += len(member.loads)
        largest = max(largest, max((load.arrival_rate for load in member.loads), default=0.0))
        takers = [other.arrivals for other in order[left + 1 :] if len(other.loads) == min(owned)]
        if moved > len(takers) or (moved and largest + max(takers) > rate):
            break
        left += 1
    return left
