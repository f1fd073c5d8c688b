"""Ids for orders without one.

Time-ordered ids are UUIDv7 whose last 12 bits are a counter, so that the clock is read once for a block of them.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from orderpipeline_common.order import keyed_id, uuid7

BLOCK: Final = 4096
"""The number of ids in a block."""
_DIGITS: Final = 3
_ENDS: Final = tuple(f"{number:03x}" for number in range(BLOCK))


class OrderIds(Protocol):
    """A source of ids for the orders of a request, whose indexes start at 0."""

    def at(self, index: int, order: bytes) -> str:
        """The id of the order at this index, given its bytes."""

    def many(self, first: int, orders: Sequence[bytes]) -> list[str]:
        """The ids of consecutive orders."""

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

    def at(self, index: int, order: bytes) -> str:
        """The next id."""
        ms = self._now_ns() // 1_000_000
        number = self._next
        if ms != self._ms or number == BLOCK:
            self._begin_block(ms)
            number = 0
        self._next = number + 1
        return self._prefix + _ENDS[number]

    def many(self, first: int, orders: Sequence[bytes]) -> list[str]:
        """The next ids, in ascending order within each block."""
        ids: list[str] = []
        while len(ids) < len(orders):
            prefix = self.block()
            ids += [prefix + end for end in _ENDS[: len(orders) - len(ids)]]
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
    """Ids derived from an Idempotency-Key and the order: the same for the same client, key and order, wherever it is in
    a request. Equal orders of one request are counted."""

    def __init__(self, client: str, key: str) -> None:
        self.client = client
        self.key = key
        self._seen: dict[str, int] = {}

    @property
    def used(self) -> bool:
        """Whether an order has an id of these."""
        return bool(self._seen)

    def at(self, index: int, order: bytes) -> str:
        """The id of an order, given its bytes. White space around it does not count."""
        digest = hashlib.sha256(order.strip()).hexdigest()
        number = self._seen.get(digest, 0)
        self._seen[digest] = number + 1
        return keyed_id(self.client, self.key, digest, number)

    def many(self, first: int, orders: Sequence[bytes]) -> list[str]:
        """The ids of consecutive orders."""
        return [self.at(index, order) for index, order in enumerate(orders, first)]

    def blocks(self, count: int) -> list[str]:
        """Empty: these ids have nothing in common."""
        return []
