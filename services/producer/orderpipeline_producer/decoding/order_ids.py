"""Ids for orders without one.

Time-ordered ids are UUIDv7 whose last 12 bits are a counter, so that the clock is read once for a block of them.
"""

from collections.abc import Callable
from typing import Final, Protocol

from orderpipeline_common.order import keyed_id, uuid7

BLOCK: Final = 4096
"""The number of ids in a block."""
_DIGITS: Final = 3
_ENDS: Final = tuple(f"{number:03x}" for number in range(BLOCK))


class OrderIds(Protocol):
    """A source of ids for the orders of a request, whose indexes start at 0."""

    def at(self, index: int) -> str:
        """The id of the order at this index."""

    def many(self, first: int, count: int) -> list[str]:
        """The ids of `count` consecutive orders."""

    def blocks(self, count: int) -> list[str]:
        """The prefixes of `count` ids, one for each block of 4096; empty if these ids do not come in blocks."""


class TimeOrderedIds:
    """New ids, independent of the index. `now_ns` is Unix time in nanoseconds; `random` returns that many random bytes.

    Ids of one block ascend. Two blocks differ by their millisecond, or else by 62 random bits.
    """

    def __init__(self, now_ns: Callable[[], int], random: Callable[[int], bytes]) -> None:
        self._now_ns = now_ns
        self._random = random
        self._prefix = ""
        self._next = BLOCK
        self._ms = -1

    def at(self, index: int) -> str:
        """The next id."""
        ms = self._now_ns() // 1_000_000
        number = self._next
        if ms != self._ms or number == BLOCK:
            self._begin_block(ms)
            number = 0
        self._next = number + 1
        return self._prefix + _ENDS[number]

    def many(self, first: int, count: int) -> list[str]:
        """The next `count` ids, in ascending order within each block."""
        ids: list[str] = []
        while len(ids) < count:
            prefix = self.block()
            ids += [prefix + end for end in _ENDS[: count - len(ids)]]
        return ids

    def blocks(self, count: int) -> list[str]:
        """The prefixes of the next `count` ids, one for each 4096; the last three characters count from 000."""
        return [self.block() for _ in range(0, count, BLOCK)]

    def block(self) -> str:
        """The prefix of the next 4096 ids."""
        self._begin_block(self._now_ns() // 1_000_000)
        self._next = BLOCK
        return self._prefix

    def _begin_block(self, ms: int) -> None:
        self._ms = ms
        self._prefix = uuid7(ms, self._random(10))[:-_DIGITS]


class KeyedIds:
    """Ids derived from an Idempotency-Key: the same for the same client, key and index in the batch."""

    def __init__(self, client: str, key: str, *, batch: bool) -> None:
        self._client = client
        self._key = key
        self._batch = batch

    def at(self, index: int) -> str:
        """The id of the order at this index, which is ignored unless it is a batch."""
        return keyed_id(self._client, self._key, index if self._batch else None)

    def many(self, first: int, count: int) -> list[str]:
        """The ids of `count` consecutive orders."""
        return [self.at(index) for index in range(first, first + count)]

    def blocks(self, count: int) -> list[str]:
        """Empty: these ids have nothing in common."""
        return []
