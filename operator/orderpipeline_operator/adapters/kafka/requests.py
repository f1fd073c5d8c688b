"""The requests of Kafka's protocol for reading offsets: bodies to send, and the parsed answers.

Each in one version that Kafka 2.8 to 4 supports.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from orderpipeline_operator.adapters.kafka.wire import Cursor, array, compact_string, string

LIST_OFFSETS: Final = (2, 2)
METADATA: Final = (3, 10)
METADATA_WITHOUT_IDS: Final = (3, 5)
"""For brokers and proxies that offer no more; a topic that was made again shows by its offsets alone."""
OFFSET_FETCH: Final = (9, 5)
FIND_COORDINATOR: Final = (10, 1)
EARLIEST, LATEST = -2, -1
READ_COMMITTED: Final = 1
"""The end offset is the last stable one: beyond it are orders of open transactions, which consumers cannot read."""
LEADER_NOT_AVAILABLE: Final = 5
MAX_BROKERS: Final = 10_000
MAX_PARTITIONS: Final = 100_000
"""Of one topic; far more than any cluster has, and few enough for the operator's memory."""
_ENDS, _COMMITS = struct.Struct(">ihqq"), struct.Struct(">iqihh")


class KafkaError(Exception):
    """An error that Kafka answered with."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Kafka's error {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Topic:
    """Partitions by their leaders, and where the brokers are. A recreated topic has a new `topic_id`."""

    topic_id: str
    leaders: Mapping[int, tuple[int, ...]]
    brokers: Mapping[int, tuple[str, int]]

    @property
    def partitions(self) -> list[int]:
        """All partitions, ascending."""
        return sorted(number for led in self.leaders.values() for number in led)


def metadata(topic: str) -> bytes:
    """Body of METADATA for one topic; asking does not create it."""
    return b"\2" + bytes(16) + compact_string(topic) + b"\0" + b"\0\0\0" + b"\0"


def topic_of(answer: Cursor) -> Topic:
    """Answer to METADATA. Raises KafkaError, also for a partition without a leader."""
    answer.tags()
    answer.int32()
    brokers = {}
    for _ in range(answer.compact_count(MAX_BROKERS)):
        node = answer.int32()
        brokers[node] = (answer.compact_string(), answer.int32())
        answer.compact_string()
        answer.tags()
    answer.compact_string()
    answer.int32()
    if answer.compact_length() != 1:
        raise ValueError("Kafka described a different number of topics than requested")
    check(answer.int16())
    answer.compact_string()
    topic_id = answer.read(16).hex()
    answer.int8()
    leaders: dict[int, list[int]] = {}
    for _ in range(answer.compact_count(MAX_PARTITIONS)):
        error, number, leader, _ = answer.int16(), answer.int32(), answer.int32(), answer.int32()
        for _ in range(3):
            answer.read(4 * answer.compact_length())
        answer.tags()
        _led(leaders, number, leader if leader in brokers else None, error)
    return _topic(topic_id, leaders, brokers)


def metadata_without_ids(topic: str) -> bytes:
    """Body of METADATA_WITHOUT_IDS for one topic; asking does not create it."""
    return array([string(topic)]) + b"\0"


def topic_without_id_of(answer: Cursor) -> Topic:
    """Answer to METADATA_WITHOUT_IDS, as `topic_of`; the id is empty."""
    answer.int32()
    brokers = {}
    for _ in range(answer.count(MAX_BROKERS)):
        node = answer.int32()
        brokers[node] = (answer.string(), answer.int32())
        answer.string()
    answer.string()
    answer.int32()
    if answer.int32() != 1:
        raise ValueError("Kafka described a different number of topics than requested")
    check(answer.int16())
    answer.string()
    answer.int8()
    leaders: dict[int, list[int]] = {}
    for _ in range(answer.count(MAX_PARTITIONS)):
        error, number, leader = answer.int16(), answer.int32(), answer.int32()
        for _ in range(3):
            answer.read(4 * answer.count(MAX_BROKERS))
        _led(leaders, number, leader if leader in brokers else None, error)
    return _topic("", leaders, brokers)


def _led(leaders: dict[int, list[int]], number: int, leader: int | None, error: int) -> None:
    if leader is None:
        raise KafkaError(error or LEADER_NOT_AVAILABLE)
    leaders.setdefault(leader, []).append(number)


def _topic(topic_id: str, leaders: Mapping[int, list[int]], brokers: Mapping[int, tuple[str, int]]) -> Topic:
    return Topic(topic_id, {node: tuple(sorted(led)) for node, led in leaders.items()}, brokers)


def find_coordinator(group: str) -> bytes:
    """Body of FIND_COORDINATOR for a group."""
    return string(group) + b"\0"


def coordinator_of(answer: Cursor) -> tuple[str, int]:
    """Answer to FIND_COORDINATOR: host and port."""
    answer.int32()
    check(answer.int16())
    answer.string()
    answer.int32()
    return answer.string(), answer.int32()


def list_offsets(topic: str, partitions: Iterable[int], at: int) -> bytes:
    """Body of LIST_OFFSETS, `at` EARLIEST or LATEST."""
    wanted = array(struct.pack(">iq", number, at) for number in partitions)
    return struct.pack(">ib", -1, READ_COMMITTED) + array([string(topic) + wanted])


def offsets_of(answer: Cursor) -> dict[int, int]:
    """Answer to LIST_OFFSETS, by partition. Raises KafkaError when one of them has an error."""
    answer.int32()
    _one_topic(answer)
    rows = answer.read(_ENDS.size * answer.count(MAX_PARTITIONS))
    found = {}
    for number, error, _, offset in _ENDS.iter_unpack(rows):
        if error:
            raise KafkaError(error)
        found[number] = offset
    return found


def offset_fetch(group: str, topic: str, partitions: Iterable[int]) -> bytes:
    """Body of OFFSET_FETCH."""
    return string(group) + array([string(topic) + array(struct.pack(">i", number) for number in partitions)])


def commits_of(answer: Cursor) -> dict[int, int]:
    """Answer to OFFSET_FETCH: committed offsets by partition; partitions without a commit are left out."""
    answer.int32()
    if answer.int32() == 0:
        check(answer.int16())
        return {}
    answer.string()
    count, found = answer.count(MAX_PARTITIONS), {}
    check(int.from_bytes(answer.raw[-2:], signed=True))
    rows = answer.read(len(answer.raw) - answer.at - 2)
    if len(rows) == _COMMITS.size * count:  # nobody commits metadata, so all rows have the same size
        for number, offset, _, _, error in _COMMITS.iter_unpack(rows):
            check(error)
            if offset >= 0:
                found[number] = offset
        return found
    each = answer.within(rows)
    for _ in range(count):
        number, offset = each.int32(), each.int64()
        each.int32()
        each.string()
        check(each.int16())
        if offset >= 0:
            found[number] = offset
    return found


def _one_topic(answer: Cursor) -> None:
    if answer.int32() != 1:
        raise ValueError("Kafka described a different number of topics than requested")
    answer.string()


def check(error: int) -> None:
    """Raise KafkaError for an error code that is not 0."""
    if error:
        raise KafkaError(error)
