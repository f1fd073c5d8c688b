"""From readings to a sample: rates from differences, age of the lag from the history of end offsets.

Nothing here reads a clock: `now` is in seconds of a monotonic clock and comes from the caller. What is remembered of
the partitions is kept in columns, one entry per partition: a topic may have hundreds, looked at every few seconds.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from orderpipeline_operator.domain.lag.age import NONE, Ends, age, firsts, needed
from orderpipeline_operator.domain.lag.sample import (
    LagSample,
    Load,
    PartitionOffsets,
    Reading,
    Reset,
    Unknown,
    position,
)


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How readings are smoothed, and after what time one that stands still is a marker or stuck. Seconds.

    Rates over more than `gap` are a mean of times long gone: what follows is not smoothed with them.
    """

    rate: float = 15.0
    gap: float = 60.0
    marker_after: float = 60.0
    stuck_after: float = 300.0


@dataclass(frozen=True, slots=True)
class Columns:
    """What is remembered of each partition, in the order of `numbers`.

    `moved_at`: when end or position last changed; `progress_at`: when the position last did or nothing waited;
    `born`: since when its ends are known; rates are smoothed, orders per second.
    """

    numbers: tuple[int, ...] = ()
    ends: Sequence[int] = ()
    positions: Sequence[int] = ()
    baselines: Sequence[int | None] = ()
    moved_at: Sequence[float] = ()
    progress_at: Sequence[float] = ()
    born: Sequence[float] = ()
    arrival: Sequence[float] = ()
    processed: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class History:
    """What is remembered between readings; `History()` at the start. A value, so a failed reading changes nothing."""

    at: float | None = None
    topic_id: str = ""
    columns: Columns = field(default_factory=Columns)
    points: tuple[Ends, ...] = ()
    arrived: int | None = None
    arrival: float | None = None
    processed: float | None = None
    over_gap: bool = False


def advance(
    history: History, reading: Reading | Unknown, reset: Reset, now: float, smoothing: Smoothing = Smoothing()
) -> tuple[History, LagSample | Unknown]:
    """Take in one reading. An Unknown passes through; a clock that stands or steps back gives Unknown once."""
    if isinstance(reading, Unknown):
        return history, reading
    if history.at is not None and now <= history.at:
        rebased = History(at=now, arrival=history.arrival, processed=history.processed)
        return rebased, Unknown("ClockStep", "The clock went back between two readings; the next reading counts again.")
    known = history.columns if reading.topic_id == history.topic_id else Columns()
    same = known.numbers == tuple(reading.partitions)[: len(known.numbers)]  # partitions are only ever added at the end
    if not same or not known.numbers or history.at is None:
        history = replace(history, at=None, points=())
        known = Columns()
    kept = _advance(history, known, reading, reset, now, smoothing)
    columns = kept.columns
    found = firsts(kept.points, columns.ends, columns.positions, columns.born)
    return replace(kept, points=needed(kept.points, found)), _sample(kept, reading, found, now, smoothing)


def _advance(
    history: History, known: Columns, reading: Reading, reset: Reset, now: float, smoothing: Smoothing
) -> History:
    offsets = list(reading.partitions.values())
    ends = [one[1] for one in offsets]
    old = _aligned(known, offsets, reset, now)
    baselines = _baselines(old, offsets, reading.group.members != 0)
    at = [
        one[2] if one[2] is not None and one[0] <= one[2] <= one[1] else position(one, reset, baseline)
        for one, baseline in zip(offsets, baselines, strict=True)
    ]
    moves = [e != e0 or p != p0 for e, e0, p, p0 in zip(ends, old.ends, at, old.positions, strict=True)]
    goes = [p != p0 or p >= e for p, p0, e in zip(at, old.positions, ends, strict=True)]
    came = [e - e0 for e, e0 in zip(ends, old.ends, strict=True)]
    done = [
        one[2] - p0 if one[2] is not None and p0 < one[2] <= one[1] else 0
        for one, p0 in zip(offsets, old.positions, strict=True)
    ]
    arrived, arrival, processed = None, history.arrival, history.processed
    arrivals, workings, over_gap = old.arrival, old.processed, history.over_gap
    if history.at is not None:
        elapsed = now - history.at
        weight = 1.0 if over_gap else -math.expm1(-elapsed / smoothing.rate)
        over_gap = elapsed > smoothing.gap
        arrived = sum(came)
        arrival = _smooth(history.arrival, arrived / elapsed, weight)
        processed = _smooth(history.processed, sum(done) / elapsed, weight)
        first = 1.0 if history.arrived is None else weight  # there is nothing yet to smooth it with
        arrivals, workings = _all_smooth(arrivals, came, first, elapsed), _all_smooth(workings, done, first, elapsed)
    columns = Columns(
        tuple(reading.partitions),
        ends,
        at,
        baselines,
        [now if moved else before for moved, before in zip(moves, old.moved_at, strict=True)],
        [now if goes_on else before for goes_on, before in zip(goes, old.progress_at, strict=True)],
        old.born,
        arrivals,
        workings,
    )
    points = (*history.points, (now, array("q", ends)))
    return History(now, reading.topic_id, columns, points, arrived, arrival, processed, over_gap)


def _aligned(known: Columns, offsets: list[PartitionOffsets], reset: Reset, now: float) -> Columns:
    """What is known, with an entry for each of `offsets`, such that differences to them count what happened since.

    A partition that was added held nothing, so all in it arrived. One whose log was cut or made again starts anew, and
    so do all at the first reading.
    """
    fresh = range(len(known.numbers), len(offsets))
    cut = [i for i, end in enumerate(known.ends) if offsets[i][1] < end]
    if not fresh and not cut:
        return known
    columns = [list(column) for column in (
        known.ends, known.positions, known.baselines, known.moved_at, known.progress_at, known.born, known.arrival,
        known.processed,
    )]  # fmt: skip
    for i in (*cut, *fresh):
        start, end, _ = offsets[i]
        grown = i >= len(known.numbers) > 0
        seen, at = (start, start) if grown else (end, position(offsets[i], reset))
        for column, value in zip(columns, (seen, at, None, now, now, now, 0.0, 0.0), strict=True):
            column[i : i + 1] = [value]
    return Columns((), *columns)  # type: ignore[arg-type]


def _baselines(old: Columns, offsets: list[PartitionOffsets], has_members: bool) -> list[int | None]:
    return [
        None if one[2] is not None or not has_members else (one[1] if before is None else before)
        for one, before in zip(offsets, old.baselines, strict=True)
    ]


def _smooth(old: float | None, new: float, weight: float) -> float:
    value = new if old is None else old + weight * (new - old)
    return value if value >= 1e-3 else 0.0


def _all_smooth(old: Sequence[float], counts: Iterable[int], weight: float, elapsed: float) -> list[float]:
    share, kept = weight / elapsed, 1.0 - weight
    # A tail of ever smaller rates is no arrival.
    return [rate if (rate := kept * r + share * n) >= 1e-3 else 0.0 for r, n in zip(old, counts, strict=True)]


def _sample(history: History, reading: Reading, found: list[int], now: float, smoothing: Smoothing) -> LagSample:
    columns, points = history.columns, history.points
    loads, ages = [], []
    markers, stuck = 0, []
    alone = reading.group.members == 0  # nobody reads, so nothing is stuck and a lag of 1 may well be an order
    rows = zip(columns.numbers, columns.ends, columns.positions, columns.arrival, columns.processed, strict=True)
    for i, (number, end, at, arrival, processed) in enumerate(rows):
        lag, seconds = end - at, 0.0
        if found[i] != NONE:
            seconds, bound = aged = age(points, found[i], i, at, columns.born[i], now)
            ages.append(aged)
            if bound and not seconds:  # a backlog that was there at the first reading: its age is anybody's guess
                loads.append(Load(number, lag, arrival, processed, None))
                continue
            if lag > 1 and not alone and now - columns.progress_at[i] >= smoothing.stuck_after:
                stuck.append((-lag, number))
            markers += lag == 1 and not alone and now - columns.moved_at[i] >= smoothing.marker_after
        loads.append(Load(number, lag, arrival, processed, seconds))
    seconds, at_least = max(ages, default=(0.0, False))
    behind = sorted((-load.lag, load.partition) for load in loads if load.lag)
    return LagSample(
        at=now,
        partitions=len(loads),
        orders=-sum(lag for lag, _ in behind),
        markers=markers,
        seconds=None if at_least and seconds == 0.0 else seconds,
        seconds_at_least=any(bound for _, bound in ages),
        arrived=history.arrived,
        arrival_rate=history.arrival,
        processed_rate=history.processed,
        group=reading.group,
        most_lagging=tuple((number, -lag) for lag, number in behind[:3]),
        stuck=tuple(number for _, number in sorted(stuck)),
        loads=tuple(loads),
    )
