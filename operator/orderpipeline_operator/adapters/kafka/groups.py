"""The requests of Kafka's protocol about a consumer group: its state, its members, and who owns what.

A group uses one of two protocols, and each has its own request.
"""

from collections.abc import Callable, Mapping
from typing import Final

from orderpipeline_operator.adapters.kafka.requests import MAX_PARTITIONS, check
from orderpipeline_operator.adapters.kafka.wire import Cursor, array, at_most, compact_string, string
from orderpipeline_operator.domain.lag.sample import Group, GroupState, Owner

DESCRIBE_GROUPS: Final = (15, 1)
CONSUMER_GROUP_DESCRIBE: Final = (69, 0)
NO_GROUP: Final = 69
"""Error for a group that does not exist, or does not use the requested protocol."""
UNSUPPORTED_VERSION: Final = 35
"""Error where the cluster does not use the new protocol: `group.version` 0, or only `classic` is switched on."""
MAX_MEMBERS: Final = 10_000
MAX_TOPICS: Final = 100_000

ABSENT: Final = Group("Absent", 0)
"""A group that does not exist."""

_STATES: Final[Mapping[str, GroupState]] = {
    "Stable": "Stable",
    "PreparingRebalance": "Rebalancing",
    "CompletingRebalance": "Rebalancing",
    "Assigning": "Rebalancing",
    "Reconciling": "Rebalancing",
    "Empty": "Empty",
    "Dead": "Absent",
}


def describe_groups(group: str) -> bytes:
    """Body of DESCRIBE_GROUPS."""
    return array([string(group)])


def consumer_group_describe(group: str) -> bytes:
    """Body of CONSUMER_GROUP_DESCRIBE."""
    return b"\2" + compact_string(group) + b"\0" + b"\0"


def classic_group(answer: Cursor, topic: str) -> Group:
    """Answer to DESCRIBE_GROUPS, with the owners of `topic`. A group that does not exist is Absent."""
    answer.int32()
    if answer.int32() != 1:
        raise ValueError("Kafka described a different number of groups than requested")
    error = answer.int16()
    if error == NO_GROUP:
        return ABSENT
    check(error)
    answer.string()
    state = _STATES.get(answer.string(), "Unknown")
    answer.string()
    answer.string()
    count = answer.count(MAX_MEMBERS)
    owners = _owners(count, lambda: _classic_member(answer, topic))
    return Group(state, count, "unknown" if state == "Absent" else "classic", owners)


def consumer_group(answer: Cursor, topic: str) -> Group | None:
    """Answer to CONSUMER_GROUP_DESCRIBE, with the owners of `topic`; None when the group does not exist, or
    it or the whole cluster does not use that protocol."""
    answer.tags()
    answer.int32()
    if answer.compact_length() != 1:
        raise ValueError("Kafka described a different number of groups than requested")
    error = answer.int16()
    if error in (NO_GROUP, UNSUPPORTED_VERSION):
        return None
    check(error)
    answer.compact_string()
    answer.compact_string()
    state = _STATES.get(answer.compact_string(), "Unknown")
    answer.int32()
    answer.int32()
    answer.compact_string()
    count = answer.compact_count(MAX_MEMBERS)
    return Group(state, count, "consumer", _owners(count, lambda: _member(answer, topic)))


def _owners(count: int, member: Callable[[], Owner]) -> tuple[Owner, ...]:
    """So many members. Raises ValueError if they own more partitions than a topic may have."""
    owners, owned = list[Owner](), 0
    for _ in range(count):
        owners.append(member())
        owned = at_most(owned + len(owners[-1].partitions), MAX_PARTITIONS)
    return tuple(owners)


def _classic_member(answer: Cursor, topic: str) -> Owner:
    answer.string()
    client = answer.string()
    answer.string()
    answer.data()
    raw = answer.data()
    if not raw:  # it has no assignment yet
        return Owner(client, ())
    owned: tuple[int, ...] = ()
    assigned = answer.within(raw)
    assigned.int16()
    for _ in range(assigned.count(MAX_TOPICS)):
        name, numbers = assigned.string(), assigned.int32s(assigned.count(MAX_PARTITIONS))
        owned = numbers if name == topic else owned
    return Owner(client, owned)


def _member(answer: Cursor, topic: str) -> Owner:
    for _ in range(3):  # member, instance, rack
        answer.compact_string()
    answer.int32()
    client = answer.compact_string()
    answer.compact_string()
    for _ in range(answer.compact_count(MAX_TOPICS)):
        answer.compact_string()
    answer.compact_string()
    owned = _assignment(answer, topic)
    _assignment(answer, topic)  # what it will own once others have released it
    answer.tags()
    return Owner(client, owned)


def _assignment(answer: Cursor, topic: str) -> tuple[int, ...]:
    owned: tuple[int, ...] = ()
    for _ in range(answer.compact_count(MAX_TOPICS)):
        answer.read(16)
        name = answer.compact_string()
        numbers = answer.int32s(answer.compact_count(MAX_PARTITIONS))
        answer.tags()
        owned = numbers if name == topic else owned
    answer.tags()
    return owned
