"""From readings to a sample: rates from differences, age of the lag from the history of end offsets.

Nothing here reads a clock: `now` is in seconds of a monotonic clock and comes from the caller.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from orderpipeline_operator.domain.lag import LagSample, PartitionOffsets, Reading, Reset, Unknown, position

MAX_POINTS = 60
"""Points of end-offset history kept per partition; past it every second of the older ones goes."""

Point = tuple[float, int]


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How readings are smoothed. Seconds."""

    rate: float = 15.0
    marker_after: float = 60.0


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of one partition: last offsets and position, when it last moved, ends seen over time."""

    offsets: PartitionOffsets
    position: int
    baseline: int | None
    moved_at: float
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class History:
    """What is remembered between readings; `History()` at the start. A value, so a failed reading changes nothing."""

    at: float | None = None
    topic_id: str = ""
    tracks: Mapping[int, Track] = field(default_factory=dict)
    arrived: int | None = None
    arrival: float | None = None
    processed: float | None = None


def advance(
    history: History, reading: Reading | Unknown, reset: Reset, now: float, smoothing: Smoothing = Smoothing()
) -> tuple[History, LagSample | Unknown]:
    """Take in one reading. An Unknown passes through; a clock that stands or steps back gives Unknown once."""
    if isinstance(reading, Unknown):
        return history, reading
    if history.at is not None and now <= history.at:
        rebased = replace(history, at=now, tracks={}, topic_id="")
        return rebased, Unknown("ClockStep", "The clock went back between two readings; the next reading counts again.")
    same_topic = reading.topic_id == history.topic_id
    old = history.tracks if same_topic else {}
    tracks = {
        number: _track(old.get(number), offsets, reading.group.members != 0, reset, now)
        for number, offsets in reading.partitions.items()
    }
    arrived, arrival, processed = _rates(history, old, tracks, now, smoothing)
    kept = History(now, reading.topic_id, tracks, arrived, arrival, processed)
    return kept, _sample(kept, reading, now, smoothing)


def _track(old: Track | None, offsets: PartitionOffsets, has_members: bool, reset: Reset, now: float) -> Track:
    if old is not None and offsets.end < old.offsets.end:
        old = None  # the log was cut or made again: its past says nothing of this one
    baseline = None
    if offsets.committed is None and has_members:
        baseline = offsets.end if old is None or old.baseline is None else old.baseline
    at = position(offsets, reset, baseline)
    if old is None:
        return Track(offsets, at, baseline, now, ((now, offsets.end),))
    moved = offsets.end != old.offsets.end or at != old.position
    return Track(offsets, at, baseline, now if moved else old.moved_at, _points(old.points, (now, offsets.end), at))


def _points(points: tuple[Point, ...], new: Point, at: int) -> tuple[Point, ...]:
    """Add a point; keep of those at or below the position only the last, from which the age is interpolated."""
    kept = (*points[:-1], new) if len(points) > 1 and points[-2][1] == points[-1][1] == new[1] else (*points, new)
    first = 0
    while first + 1 < len(kept) and kept[first + 1][1] <= at:
        first += 1
    kept = kept[first:]
    if len(kept) > MAX_POINTS:
        kept = (kept[0], *kept[1 : MAX_POINTS // 2 : 2], *kept[MAX_POINTS // 2 :])
    return kept


def _rates(
    history: History, old: Mapping[int, Track], new: Mapping[int, Track], now: float, smoothing: Smoothing
) -> tuple[int | None, float | None, float | None]:
    if history.at is None or not old:
        return None, history.arrival, history.processed
    elapsed = now - history.at
    arrived = done = 0
    for number, track in new.items():
        before = old.get(number)
        if before is None:  # a partition that was added: all that it holds came since the last reading
            arrived += track.offsets.end - track.offsets.start
        elif track.offsets.end >= before.offsets.end:
            arrived += track.offsets.end - before.offsets.end
            done += _done(before, track)
    weight = -math.expm1(-elapsed / smoothing.rate)
    return (
        arrived,
        _smooth(history.arrival, arrived / elapsed, weight),
        _smooth(history.processed, done / elapsed, weight),
    )


def _done(before: Track, track: Track) -> int:
    """Orders committed since; what retention took away in between was not processed by anyone."""
    if track.offsets.committed is None or track.offsets.committed > track.offsets.end:
        return 0
    return max(track.offsets.committed - max(before.position, before.offsets.start), 0)


def _smooth(old: float | None, new: float, weight: float) -> float:
    if old is None:
        return new
    value = old + weight * (new - old)
    return value if value >= 1e-3 else 0.0  # a tail of ever smaller rates is no arrival


def _sample(history: History, reading: Reading, now: float, smoothing: Smoothing) -> LagSample:
    lags = {number: track.offsets.end - track.position for number, track in history.tracks.items()}
    still = now - smoothing.marker_after
    markers = sum(1 for number, lag in lags.items() if lag == 1 and history.tracks[number].moved_at <= still)
    ages = [_age(history.tracks[number], now) for number, lag in lags.items() if lag > 0]
    seconds, at_least = max(ages, default=(0.0, False))
    unseen = at_least and seconds == 0.0  # a backlog that was there at the first reading: its age is anybody's guess
    return LagSample(
        at=now,
        partitions=len(lags),
        orders=sum(lags.values()),
        markers=0 if reading.group.members == 0 else markers,
        seconds=None if unseen else seconds,
        seconds_at_least=any(bound for _, bound in ages),
        arrived=history.arrived,
        arrival_rate=history.arrival,
        processed_rate=history.processed,
        group=reading.group,
        most_lagging=tuple(sorted(((n, lag) for n, lag in lags.items() if lag), key=lambda x: (-x[1], x[0]))[:3]),
    )


def _age(track: Track, now: float) -> tuple[float, bool]:
    """Age of the first uncommitted order, and whether that is only a lower bound."""
    since, end = track.points[0]
    if end > track.position:
        return now - since, True
    for at, later in track.points[1:]:
        if later > track.position:
            # The order at `position` arrived between the two points; ends are taken to grow evenly between them.
            return now - (since + (at - since) * (track.position + 1 - end) / (later - end)), False
        since, end = at, later
    return 0.0, False
