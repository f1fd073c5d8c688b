"""How far the consumers lag behind the producers, partition by partition. Pure: offsets in, orders out.

What could not be read is `Unknown`, a type of its own, so that no caller can mistake it for zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Reset = Literal["earliest", "latest"]
GroupState = Literal["Stable", "Rebalancing", "Empty", "Absent", "Unknown"]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A reading that failed or is stale. `reason` is one CamelCase word, `message` says what to do about it."""

    reason: str
    message: str


class PartitionOffsets(NamedTuple):
    """Offsets of one partition: the log's first, the next to be written, and the group's commit (None: no commit)."""

    start: int
    end: int
    committed: int | None


class Owner(NamedTuple):
    """A member of the group, by its client.id, and the partitions that it owns."""

    client: str
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The consumer group: its state and its members; None: some, but Kafka does not say how many.

    `owners` has each member; empty where Kafka does not say.
    """

    state: GroupState
    members: int | None
    protocol: Literal["classic", "consumer", "unknown"] = "unknown"
    owners: tuple[Owner, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at Kafka. `topic_id` changes when a topic of the same name is deleted and made again."""

    topic_id: str
    partitions: Mapping[int, PartitionOffsets]
    group: Group


class Load(NamedTuple):
    """One partition: its lag in orders, the age of the oldest of them in seconds, and its rates.

    Rates are orders per second, smoothed, 0 until two readings were taken. `seconds` is None while nothing is known of
    it, and a lower bound where the backlog is older than the history. `still` are the seconds since an order of it was
    processed, 0 while none waits.
    """

    partition: int
    lag: int
    arrival_rate: float
    processed_rate: float
    seconds: float | None = None
    still: float = 0.0


@dataclass(frozen=True, slots=True)
class LagSample:
    """The lag and the rates at one time.

    `at` is in seconds of a monotonic clock. `orders` is the whole lag; `markers` is the part of it that looks like
    transaction markers, one per partition that stands still at a lag of 1. `seconds` is the age of the oldest order
    that is not committed, None while nothing is known of it; `seconds_at_least` says that it is a lower bound.
    `arrived` are the orders since the reading before, rates are orders per second, smoothed; all None until two
    readings were taken. `most_lagging` names up to three partitions and their lags, `stuck` those whose lag persists
    while nothing of them is processed. `loads` has every partition; empty where only sums are known.
    """

    at: float
    partitions: int
    orders: int
    markers: int
    seconds: float | None
    seconds_at_least: bool
    arrived: int | None
    arrival_rate: float | None
    processed_rate: float | None
    group: Group
    most_lagging: tuple[tuple[int, int], ...] = ()
    stuck: tuple[int, ...] = ()
    loads: tuple[Load, ...] = ()


NOTICEABLE = 0.1
"""Share by which a lag must change to be worth publishing."""


def noticeably_changed(before: float | None, after: float | None) -> bool:
    """Whether a change of the lag, in orders or seconds, matters to a reader; becoming known, unknown or zero does."""
    if before is None or after is None:
        return before is not after
    if (before == 0) != (after == 0):
        return True
    return abs(after - before) > NOTICEABLE * max(abs(before), abs(after))


def position(offsets: PartitionOffsets, reset: Reset, baseline: int | None = None) -> int:
    """The offset from which the group will go on reading, between log start and end.

    A commit below the log start lost its orders to retention, so the group goes on at the start. A commit past the
    end belongs to a topic that is gone, and counts as none. Without a commit `earliest` reads the retained window;
    `latest` skips what was there before the group had members, so only orders past `baseline` (the end at that time)
    are waiting: with no baseline there are none, and it is the arrival rate that wakes the consumers.
    """
    if offsets.committed is not None and offsets.committed <= offsets.end:
        return max(offsets.committed, offsets.start)
    if reset == "earliest":
        return offsets.start
    return offsets.end if baseline is None else min(max(baseline, offsets.start), offsets.end)


def partition_lag(offsets: PartitionOffsets, reset: Reset, baseline: int | None = None) -> int:
    """Orders of one partition that the group has still to commit; never negative. See `position`."""
    return max(offsets.end - position(offsets, reset, baseline), 0)
