"""Order ids, many at a time: UUIDv7 whose last 12 bits count, so that a block of them costs one look at the clock."""

from collections.abc import Callable
from typing import Final

from orderpipeline_common.order import uuid7

BLOCK: Final = 4096
_DIGITS: Final = 3
_ENDS: Final = tuple(f"{number:03x}" for number in range(BLOCK))


class Ids:
    """Mints ids. `now_ns` is Unix time in nanoseconds; `random` gives that many random bytes.

    Ids of one block ascend; two blocks differ by the millisecond or else by 62 random bits.
    """

    def __init__(self, now_ns: Callable[[], int], random: Callable[[int], bytes]) -> None:
        self._now_ns = now_ns
        self._random = random
        self._begin = ""
        self._next = BLOCK
        self._ms = -1

    def one(self) -> str:
        """The next id."""
        ms = self._now_ns() // 1_000_000
        number = self._next
        if ms != self._ms or number == BLOCK:
            self._block(ms)
            number = 0
        self._next = number + 1
        return self._begin + _ENDS[number]

    def many(self, count: int) -> list[str]:
        """The next `count` ids, in ascending order within each block."""
        ids: list[str] = []
        while len(ids) < count:
            self._block(self._now_ns() // 1_000_000)
            begin = self._begin
            ids += [begin + end for end in _ENDS[: count - len(ids)]]
        self._next = BLOCK
        return ids

    def blocks(self, count: int) -> list[str]:
        """What the next `count` ids begin with, 4096 of them each; their last three characters count from 000."""
        begins: list[str] = []
        for _ in range(0, count, BLOCK):
            self._block(self._now_ns() // 1_000_000)
            begins.append(self._begin)
        self._next = BLOCK
        return begins

    def _block(self, ms: int) -> None:
        self._ms = ms
        self._begin = uuid7(ms, self._random(10))[:-_DIGITS]
