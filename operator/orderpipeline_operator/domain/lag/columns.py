"""What is remembered of the partitions between readings: columns, with one entry per partition.

A topic may have hundreds, looked at every few seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orderpipeline_operator.domain.lag.sample import PartitionOffsets, Reset, position


@dataclass(frozen=True, slots=True)
class Columns:
    """What is remembered of each partition, in the order of `numbers`.

    `moved_at`: when end or position last changed; `progress_at`: when the position last did or nothing waited;
    `known_since`: since when its ends are known; rates are smoothed, orders per second.
    """

    numbers: tuple[int, ...] = ()
    ends: Sequence[int] = ()
    positions: Sequence[int] = ()
    baselines: Sequence[int | None] = ()
    moved_at: Sequence[float] = ()
    progress_at: Sequence[float] = ()
    known_since: Sequence[float] = ()
    arrival_rates: Sequence[float] = ()
    processed_rates: Sequence[float] = ()


def aligned(known: Columns, offsets: list[PartitionOffsets], reset: Reset, now: float) -> Columns:
    """What is known, with an entry for each of `offsets`, such that differences to them count what happened since.

    A partition that was added held nothing, so all in it arrived. One whose log was cut or made again starts anew, and
    so do all at the first reading.
    """
    fresh = range(len(known.numbers), len(offsets))
    cut = [i for i, end in enumerate(known.ends) if offsets[i][1] < end]
    if not fresh and not cut:
        return known
    columns = [list(column) for column in (
        known.ends, known.positions, known.baselines, known.moved_at, known.progress_at, known.known_since,
        known.arrival_rates, known.processed_rates,
    )]  # fmt: skip
    for i in (*cut, *fresh):
        start, end, _ = offsets[i]
        grown = i >= len(known.numbers) > 0
        seen, at = (start, start) if grown else (end, position(offsets[i], reset))
        for column, value in zip(columns, (seen, at, None, now, now, now, 0.0, 0.0), strict=True):
            column[i : i + 1] = [value]
    return Columns((), *columns)  # type: ignore[arg-type]


def baselines(old: Columns, offsets: list[PartitionOffsets], has_members: bool) -> list[int | None]:
    """Where a group without a commit began to read, for a reset to the latest offset."""
    return [
        None if one[2] is not None or not has_members else (one[1] if before is None else before)
        for one, before in zip(offsets, old.baselines, strict=True)
    ]
