"""Where a consumer group goes on at the copy: computed from the pairs of offsets that MirrorMaker 2 leaves there.

Each pair says that record `source` of a partition became record `copy`. MirrorMaker 2's own translation of committed
offsets uses few of them and is up to thousands of orders behind. Here all are used, in the order of their log.

Between two pairs the copy is dense, unless MirrorMaker 2 has crashed there: then it went back to its last flushed
position, so records are in the copy twice, and pairs go back as well. The first pair after a crash is missing if it
crashed again before it wrote that one. While it catches up, some records are in the earlier part only. So what is
searched is not just a place of the next record, but the last one from which on every record follows, in order, that the
group has not worked and that was copied at all.

Source: Kafka 4.3.1, org.apache.kafka.connect.mirror.OffsetSync, for the form of the records.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class OffsetSync:
    """Record `source` of a partition became record `copy`."""

    source: int
    copy: int


@dataclass(frozen=True)
class Translation:
    """Where to go on at the copy. `repeats`: whether orders may be worked again, since their place is not certain.

    That is not known of a mirror that has just begun anew and has not written its first pair yet.
    """

    offset: int
    repeats: bool


def parse(key: bytes, value: bytes | None) -> tuple[str, int, OffsetSync] | None:
    """Topic, partition and pair of one record of the offset-syncs topic; None for one that is no pair."""
    try:
        (size,) = struct.unpack_from(">h", key)
        (partition,) = struct.unpack_from(">i", key, 2 + size)
        source, copy = struct.unpack(">qq", value or b"")
        return key[2 : 2 + size].decode(), partition, OffsetSync(source, copy)
    except (struct.error, UnicodeDecodeError):
        return None


def translate(pairs: Sequence[OffsetSync], committed: int, start: int, end: int) -> Translation:
    """Where a group that committed `committed` at the source goes on.

    `pairs` in the order of their log; `start` and `end` of the copy's log, whose first record may be gone by retention.
    Nobody else may have written to the copy.
    """
    segments = _segments(pairs, end)
    if not segments or committed < min(segment.first for segment in segments):
        # Nothing was copied from before the first pair, or the topic's pairs from then were compacted away.
        return Translation(start, repeats=True)
    reached = max(segment.possibly_before for segment in segments)
    if committed >= reached:
        return Translation(max(end, start), repeats=False)
    place, found, certain = end, False, False
    covered = 0
    for segment in reversed(segments):
        covered = max(covered, segment.certainly_before)
        if segment.first <= committed < segment.possibly_before:
            # From a place of the group's next record on, those after it follow in their order, with repeats. So the
            # last such place will do, unless a crashed mirror has not come as far since as it had been before.
            place, certain, found = segment.place(committed), segment.dense, covered >= reached
            if found:
                break
    return Translation(max(place, start), repeats=not (found and certain))


@dataclass(frozen=True)
class _Segment:
    """The copy from one pair up to the next."""

    pair: OffsetSync
    following: OffsetSync | None
    """None after the last pair."""
    end: int

    @property
    def length(self) -> int:
        return self.end - self.pair.copy

    @property
    def advance(self) -> int:
        """How far the source's offsets have come by the next pair."""
        return self.length if self.following is None else self.following.source - self.pair.source

    @property
    def dense(self) -> bool:
        return self.advance == self.length

    @property
    def first(self) -> int:
        return self.pair.source

    @property
    def possibly_before(self) -> int:
        """Records of the source from `first` up to before this one may be in it."""
        return self.first + max(self.length, self.advance)

    @property
    def certainly_before(self) -> int:
        """Records of the source from `first` up to before this one are in it, if they exist at all."""
        return self.first + max(self.advance, min(self.length, 1))

    def place(self, record: int) -> int:
        """The first place at which the record may be."""
        if self.following is not None and self.advance > self.length:  # the source has gaps here
            return max(self.pair.copy, self.end - (self.following.source - record))
        return self.pair.copy + (record - self.pair.source)


def _segments(pairs: Iterable[OffsetSync], end: int) -> list[_Segment]:
    known = [pair for pair in pairs if pair.copy <= end]
    following: list[OffsetSync | None] = [*known[1:], None][: len(known)]
    return [_Segment(one, two, end if two is None else two.copy) for one, two in zip(known, following, strict=True)]
