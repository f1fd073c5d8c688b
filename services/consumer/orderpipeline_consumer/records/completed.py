"""Which records above a position are complete, small enough for the metadata of a commit."""

import base64
import binascii
import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 2250
"""As base64 3,000 characters; brokers accept 4,096 in all (offset.metadata.max.bytes)."""

Range = tuple[int, int]
"""The first and the last offset."""


@dataclass(frozen=True, slots=True)
class Completed:
    """Ranges of offsets, ascending. They speak of records of `leader_epoch` only: what was written to the same offsets
    after the log was cut has a later one."""

    leader_epoch: int
    ranges: tuple[Range, ...]

    def above(self, position: int) -> "Completed | None":
        """Without what is below `position`; None if nothing is left."""
        ranges = merge(self.ranges, position)
        return Completed(self.leader_epoch, ranges) if ranges else None

    def only(self, offsets: Iterable[int]) -> "Completed | None":
        """Of these offsets those that are complete; None if none is."""
        firsts = [first for first, _ in self.ranges]
        found = []
        for offset in offsets:
            at = bisect_right(firsts, offset) - 1
            if at >= 0 and offset <= self.ranges[at][1]:
                found.append((offset, offset))
        return Completed(self.leader_epoch, merge(found, 0)) if found else None

    def parts(self, count: int, offset: Callable[[int], int]) -> Iterator[tuple[int, int, bool]]:
        """Divides the indices of `count` records, whose offsets ascend, into parts that are complete or not."""
        index, at = 0, range(count)
        for first, last in self.ranges:
            start = bisect_left(at, first, lo=index, key=offset)
            end = bisect_right(at, last, lo=start, key=offset)
            if start == end:
                continue
            if start > index:
                yield index, start, False
            yield start, end, True
            index = end
        if index < count:
            yield index, count, False

    def encode(self, position: int) -> str:
        """As text for `decode` with the same position. If there are too many ranges, the shortest are left out."""
        ranges, limit = self.ranges, len(self.ranges)
        while len(encoded := _encode(ranges, position)) > MAX_BYTES:
            limit = limit * MAX_BYTES // (len(encoded) + 1)
            ranges = tuple(sorted(heapq.nlargest(limit, ranges, key=lambda each: each[1] - each[0])))
        return f"{self.leader_epoch}:{base64.urlsafe_b64encode(encoded).decode()}"


def decode(text: str, position: int) -> Completed | None:
    """What `encode` wrote; None if it is something else."""
    epoch, _, encoded = text.partition(":")
    if not epoch.isdecimal():
        return None
    try:
        numbers = list(_varints(base64.b64decode(encoded, altchars=b"-_", validate=True)))
    except (binascii.Error, ValueError):
        return None
    ranges, end = [], position
    for gap, length in zip(numbers[::2], numbers[1::2], strict=False):
        first = end + gap
        end = first + length + 1
        ranges.append((first, end - 1))
    return Completed(int(epoch), tuple(ranges))


def merge(ranges: Iterable[Range], position: int) -> tuple[Range, ...]:
    """The same offsets as few ascending ranges, without those below `position`."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if last < position:
            continue
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((max(first, position), last))
    return tuple(merged)


def _encode(ranges: Iterable[Range], position: int) -> bytes:
    encoded, end = bytearray(), position
    for first, last in ranges:
        for number in (first - end, last - first):
            while number > 0x7F:
                encoded.append(number & 0x7F | 0x80)
                number >>= 7
            encoded.append(number)
        end = last + 1
    return bytes(encoded)


def _varints(encoded: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in encoded:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
