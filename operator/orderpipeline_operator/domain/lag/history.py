"""From readings to a sample: rates from differences, age of the lag from the history of end offsets.

Nothing here reads a clock: `now` is in seconds of a monotonic clock and comes from the caller."""

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from orderpipeline_operator.domain.lag.age import NONE, Ends, age, first_points, still_needed
from orderpipeline_operator.domain.lag.columns import Columns, aligned, baselines
from orderpipeline_operator.domain.lag.sample import (
    LagSample,
    Load,
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
class History:
    """What is remembered between readings; `History()` at the start. A value, so a failed reading changes nothing."""

    at: float | None = None
    topic_id: str = ""
    columns: Columns = field(default_factory=Columns)
    points: tuple[Ends, ...] = ()
    arrived: int | None = None
    arrival_rate: float | None = None
    processed_rate: float | None = None
    over_gap: bool = False
    began: bool = False
    """Whether the group has ever had a commit."""


def advance(
    history: History, reading: Reading | Unknown, reset: Reset, now: float, smoothing: Smoothing = Smoothing()
) -> tuple[History, LagSample | Unknown]:
    """Take in one reading. An Unknown passes through; a clock that stands or steps back gives Unknown once."""
    if isinstance(reading, Unknown):
        return history, reading
    began = history.began or any(each.committed is not None for each in reading.partitions.values())
    if began:
        reset = "earliest"  # `latest` applies to a group's first start only; commits go with a topic that is deleted
    if history.at is not None and now <= history.at:
        rebased = History(at=now, began=began, arrival_rate=history.arrival_rate, processed_rate=history.processed_rate)
        return rebased, Unknown("ClockStep", "The clock went back between two readings; the next reading counts again.")
    history = replace(history, began=began)
    known = history.columns if reading.topic_id == history.topic_id else Columns()
    same = known.numbers == tuple(reading.partitions)[: len(known.numbers)]  # partitions are only ever added at the end
    if not same or not known.numbers or history.at is None:
        history = replace(history, at=None, points=())
        known = Columns()
    kept = _advance(history, known, reading, reset, now, smoothing)
    columns = kept.columns
    found = first_points(kept.points, columns.ends, columns.positions, columns.known_since)
    return replace(kept, points=still_needed(kept.points, found)), _sample(kept, reading, found, now, smoothing)


def at_rest(sample: LagSample) -> bool:
    """Whether nothing waits, arrives or is processed: an equal reading gives an equal sample, but for its time."""
    moving = sample.orders or sample.arrived != 0 or sample.arrival_rate or sample.processed_rate
    return not moving and not any(load.arrival_rate or load.processed_rate for load in sample.loads)


def rested(history: History, before: float, now: float, smoothing: Smoothing = Smoothing()) -> History:
    """What `advance` makes of a history whose last sample was at rest, when the same reading comes again until `now`.

    `before` is the time of the last but one.
    """
    ends = history.columns.ends
    columns = replace(history.columns, progress_at=[now] * len(ends))
    points = ((now, array("q", ends)),)
    return replace(history, at=now, over_gap=now - before > smoothing.gap, columns=columns, points=points)


def _advance(
    history: History, known: Columns, reading: Reading, reset: Reset, now: float, smoothing: Smoothing
) -> History:
    offsets = list(reading.partitions.values())
    old = aligned(known, offsets, reset, now)
    arrived = [each[1] - end for each, end in zip(offsets, old.ends, strict=True)]
    processed = [
        each[2] - before if each[2] is not None and before < each[2] <= each[1] else 0
        for each, before in zip(offsets, old.positions, strict=True)
    ]
    columns = _columns(old, reading, reset, now)
    points = (*history.points, (now, array("q", columns.ends)))
    kept = replace(history, at=now, topic_id=reading.topic_id, columns=columns, points=points, arrived=None)
    if history.at is None:
        return kept
    elapsed = now - history.at
    weight = 1.0 if history.over_gap else -math.expm1(-elapsed / smoothing.rate)
    first = 1.0 if history.arrived is None else weight  # there is nothing yet to smooth it with
    return replace(
        kept,
        arrived=sum(arrived),
        arrival_rate=_smooth(history.arrival_rate, sum(arrived) / elapsed, weight),
        processed_rate=_smooth(history.processed_rate, sum(processed) / elapsed, weight),
        over_gap=elapsed > smoothing.gap,
        columns=replace(
            columns,
            arrival_rates=_all_smooth(old.arrival_rates, arrived, first, elapsed),
            processed_rates=_all_smooth(old.processed_rates, processed, first, elapsed),
        ),
    )


def _columns(old: Columns, reading: Reading, reset: Reset, now: float) -> Columns:
    """The columns after a reading; rates are still the old ones."""
    offsets = list(reading.partitions.values())
    ends = [each[1] for each in offsets]
    starts = baselines(old, offsets, reading.group.members != 0)
    positions = [
        each[2] if each[2] is not None and each[0] <= each[2] <= each[1] else position(each, reset, baseline)
        for each, baseline in zip(offsets, starts, strict=True)
    ]
    before = list(zip(ends, old.ends, positions, old.positions, strict=True))
    return replace(
        old,
        numbers=tuple(reading.partitions),
        ends=ends,
        positions=positions,
        baselines=starts,
        moved_at=[
            now if end != end0 or at != at0 else then
            for (end, end0, at, at0), then in zip(before, old.moved_at, strict=True)
        ],
        progress_at=[
            now if at != at0 or at >= end else then
            for (end, _, at, at0), then in zip(before, old.progress_at, strict=True)
        ],
    )


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
    rows = zip(
        columns.numbers, columns.ends, columns.positions, columns.arrival_rates, columns.processed_rates, strict=True
    )
    for i, (number, end, at, arrival, processed) in enumerate(rows):
        lag, seconds, still = end - at, 0.0, now - columns.progress_at[i]
        if found[i] != NONE:
            seconds, bound = aged = age(points, found[i], i, at, columns.known_since[i], now)
            ages.append(aged)
            if bound and not seconds:  # a backlog that was there at the first reading: its age is unknown
                loads.append(Load(number, lag, arrival, processed, None, still))
                continue
            if lag > 1 and not alone and still >= smoothing.stuck_after:
                stuck.append((-lag, number))
            markers += lag == 1 and not alone and now - columns.moved_at[i] >= smoothing.marker_after
        loads.append(Load(number, lag, arrival, processed, seconds, still))
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
        arrival_rate=history.arrival_rate,
        processed_rate=history.processed_rate,
        group=reading.group,
        most_lagging=tuple((number, -lag) for lag, number in behind[:3]),
        stuck=tuple(number for _, number in sorted(stuck)),
        loads=tuple(loads),
    )
