"""The partitions as a heat map, those worth naming, and the members with what each owns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from orderpipeline_operator.console.facts import Facts
from orderpipeline_operator.domain.lag.sample import Group, Load
from orderpipeline_operator.domain.scaling.numbers import Numbers
from orderpipeline_operator.domain.units.wording import counted, short

STUCK_SECONDS: Final = 30.0
"""A partition of which nothing was processed for that long, while orders wait and members read, is called stuck."""
NAMED: Final = 10


def partitions(facts: Facts, numbers: Numbers) -> dict[str, Any]:
    """`rows`: partition, lag, rates in and out, age of the oldest order, seconds without progress, index of the owner
    in `owners` (-1: none), and "hot", "stuck" or "" for each."""
    view = facts.scaling
    loads = () if view is None else view.loads
    group = None if view is None else view.group
    owners = () if group is None else group.owners
    owner_of = {number: index for index, owner in enumerate(owners) for number in owner.partitions}
    kinds = {load.partition: kind(load, group, numbers) for load in loads}
    return {
        "count": facts.topics.partitions if view is None or view.partitions is None else view.partitions,
        "owners": [owner.client for owner in owners],
        "rows": [_row(load, owner_of.get(load.partition, -1), kinds[load.partition]) for load in loads],
        "note": facts.without_partitions,
        "named": list(_named(loads, kinds, numbers, owner_of, [owner.client for owner in owners])),
    }


def kind(load: Load, group: Group | None, numbers: Numbers) -> str:
    """What is the matter with a partition: "stuck", "hot" (more arrives than one consumer can do), or nothing: ""."""
    nobody = group is None or group.members == 0
    if load.lag > 1 and not nobody and load.still >= STUCK_SECONDS:
        return "stuck"
    rate = numbers.rate_per_consumer
    if load.partition == numbers.hot_partition or (rate and load.lag and load.arrival_rate > rate):
        return "hot"
    return ""


def members(facts: Facts) -> list[dict[str, Any]]:
    """Each member of the group with its partitions, lag and rates; none where Kafka does not say."""
    view = facts.scaling
    if view is None or view.group is None:
        return []
    loads = {load.partition: load for load in view.loads}
    leaving = set(view.leaving)
    return [
        {
            "client": owner.client,
            "partitions": ranges(owner.partitions),
            "count": len(owner.partitions),
            "leaving": owner.client in leaving,
            **_sums([loads[number] for number in owner.partitions if number in loads]),
        }
        for owner in sorted(view.group.owners, key=lambda owner: _natural(owner.client))
    ]


def ranges(numbers: Sequence[int]) -> str:
    """`0-3, 7`, ascending; an empty string for none."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def _row(load: Load, owner: int, what: str) -> tuple[Any, ...]:
    seconds = None if load.seconds is None else round(load.seconds, 1)
    rates = round(load.arrival_rate, 1), round(load.processed_rate, 1)
    return load.partition, load.lag, *rates, seconds, round(load.still), owner, what


def _named(
    loads: Sequence[Load], kinds: Mapping[int, str], numbers: Numbers, owner_of: Mapping[int, int], owners: list[str]
) -> Iterator[dict[str, Any]]:
    worth = sorted((load for load in loads if kinds[load.partition]), key=lambda load: (-load.lag, load.partition))
    for load in worth[:NAMED]:
        what, number = kinds[load.partition], load.partition
        by = f", owned by {owners[owner_of[number]]}" if number in owner_of else ", owned by nobody"
        waiting = counted(load.lag, "order")
        if what == "stuck":
            text = f"nothing was processed for {load.still:.0f} s, {waiting} waiting{by}"
        else:
            rate = numbers.rate_per_consumer
            can = "" if rate is None else f", and one consumer does {short(rate)}/s"
            text = f"{short(load.arrival_rate)} orders/s arrive{can}; {waiting} waiting{by}"
        yield {"partition": number, "kind": what, "text": text}


def _sums(loads: Sequence[Load]) -> dict[str, Any]:
    ages = [load.seconds for load in loads]
    known = [age for age in ages if age is not None]
    return {
        "lag": sum(load.lag for load in loads),
        "in": round(sum(load.arrival_rate for load in loads), 1),
        "out": round(sum(load.processed_rate for load in loads), 1),
        "age": round(max(known), 1) if known and len(known) == len(ages) else None,
    }


def _natural(text: str) -> tuple[str, int]:
    head = text.rstrip("0123456789")
    return head, int(text[len(head) :] or -1)
