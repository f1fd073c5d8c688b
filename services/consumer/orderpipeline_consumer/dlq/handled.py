"""Which dead letters have been replayed or dropped: kept in Kafka, as the commit of a group that reads nothing else.

Below the committed offset all are; above it the ranges in the metadata of the commit. Kafka cannot delete single
records, so the letters themselves stay until their retention ends.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from orderpipeline_consumer.records.completed import Completed, Range, decode, merge

EPOCH: Final = 0
"""Nothing here depends on the leader's epoch."""


class TooScatteredError(RuntimeError):
    """What has been handled has too many gaps to be remembered."""


@dataclass(frozen=True)
class Handled:
    """One partition's. `ranges` ascend and are above `position`, with a gap before each."""

    position: int = 0
    ranges: tuple[Range, ...] = ()

    def __contains__(self, offset: int) -> bool:
        return offset < self.position or any(first <= offset <= last for first, last in self.ranges)

    def with_offsets(self, offsets: Iterable[int], start: int) -> "Handled":
        """With these as well; `start` is the first offset that still exists. TooScatteredError if it does not fit."""
        position = max(self.position, start)
        ranges = merge((*self.ranges, *((offset, offset) for offset in offsets)), position)
        while ranges and ranges[0][0] <= position:
            position, ranges = ranges[0][1] + 1, ranges[1:]
        found = Handled(position, ranges)
        if read(position, found.metadata()) != found:
            raise TooScatteredError(
                "too many single letters between others are done; replay or drop those with the lowest offsets, or all"
                " of one partition, first"
            )
        return found

    def metadata(self) -> str:
        """The ranges as text for a commit."""
        return Completed(EPOCH, self.ranges).encode(self.position) if self.ranges else ""


def read(position: int, metadata: str | None) -> Handled:
    """From a commit; a negative position is none."""
    if position < 0:
        return Handled()
    found = decode(metadata, position) if metadata else None
    return Handled(position, () if found is None else found.ranges)
