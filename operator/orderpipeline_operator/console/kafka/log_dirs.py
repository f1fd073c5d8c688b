"""The request of Kafka's protocol for a broker's disks, in the first version that says how large they are."""

from typing import Final

from orderpipeline_operator.adapters.kafka.wire import Cursor
from orderpipeline_operator.console.brokers import Disk

DESCRIBE_LOG_DIRS: Final = (35, 4)
MAX_DIRS: Final = 1000
MAX_TOPICS: Final = 100_000
MAX_PARTITIONS: Final = 100_000
ALL_TOPICS: Final = b"\0\0"
"""Body of the request: no list of topics means all of them."""


def disks_of(raw: bytes) -> tuple[Disk, ...]:
    """The answer. Raises ValueError when the broker refuses, or answers nonsense."""
    answer = Cursor(raw)
    answer.tags()
    answer.int32()
    error = answer.int16()
    if error:
        raise ValueError(f"Kafka's error {error}; describing log folders takes the permission Describe on the cluster")
    return tuple(_disk(answer) for _ in range(answer.compact_count(MAX_DIRS)))


def _disk(answer: Cursor) -> Disk:
    error, path, used = answer.int16(), answer.compact_string(), 0
    for _ in range(answer.compact_count(MAX_TOPICS)):
        answer.compact_string()
        for _ in range(answer.compact_count(MAX_PARTITIONS)):
            answer.int32()
            used += answer.int64()
            answer.int64()
            answer.int8()
            answer.tags()
        answer.tags()
    total, usable = answer.int64(), answer.int64()
    answer.tags()
    return Disk(path, used, total if total >= 0 else None, usable if usable >= 0 else None, error)
