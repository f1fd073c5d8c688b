"""Ids for orders that come without one.

Time-ordered ids are UUIDv7 whose last 12 bits count, so that a block of them costs one look at the clock.
"""

from collections.abc import Callable
from typing import Final, Protocol

from orderpipeline_common.order import keyed_id, uuid7

BLOCK: Final = 4096
"""Ids in a block."""
_DIGITS: Final = 3
_ENDS: Final = tuple(f"{number:03x}" for number in range(BLOCK))


class OrderIds(Protocol):
    """Gives ids to the orders of a request; a place is 0-based."""

    def at(self, index: int) -> str:
        """The id of the order at this place."""

    def many(self, first: int, count: int) -> list[str]:
        """The ids of `count` consecutive places."""

    def blocks(self, count: int) -> list[str]:
        """What `count` ids begin with, a block of 4096 each; empty when these ids do not come in blocks."""


class TimeOrderedIds:
    """Makes new ids, whatever their place. `now_ns` is Unix time in nanoseconds; `random` gives that many random bytes.

    Ids of one block ascend; two blocks differ by the millisecond or else by 62 random bits.
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
        """What the next `count` ids begin with, 4096 of them each; their last three characters count from 000."""
        return [self.block() for _ in range(0, count, BLOCK)]

    def block(self) -> str:
        """What the next 4096 ids begin with."""
        self._begin_block(self._now_ns() // 1_000_000)
        self._next = BLOCK
        return self._prefix

    def _begin_block(self, ms: int) -> None:
        self._ms = ms
        self._prefix = uuid7(ms, self._random(10))[:-_DIGITS]


class KeyedIds:
    """Ids that an Idempotency-Key stands for: the same for the same client, key and place in the batch."""

    def __init__(self, client: str, key: str, *, batch: bool) -> None:
        self._client = client
        self._key = key
        self._batch = batch

    def at(self, index: int) -> str:
        """The id of the order at this place; of a single order, its place does not count."""
        return keyed_id(self._client, self._key, index if self._batch else None)

    def many(self, first: int, count: int) -> list[str]:
        """The ids of `count` consecutive places."""
        return [self.at(index) for index in range(first, first + count)]

    def blocks(self, count: int) -> list[str]:
        """Empty: each id is made on its own."""
        return []
