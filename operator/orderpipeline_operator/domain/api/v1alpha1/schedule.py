"""Bounds that hold at times: a cron expression says when they begin, a duration for how long they hold."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from orderpipeline_operator.domain.api.v1alpha1 import ScheduleSpec
from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.units.durations import seconds

_SHAPE: Final = "write minute, hour, day of month, month and day of week, such as '0 8 * * 1-5'"

_LARGEST_CHANGE: Final = 2 * 3600.0 + 60.0
"""Seconds by which a clock goes back at most (Antarctica/Troll), and a minute."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Narrower bounds from each time of `start` (cron, in the wall time of `zone`) for `duration` seconds."""

    name: str
    start: str
    zone: ZoneInfo
    duration: float
    minimum: int | None = None
    maximum: int | None = None

    def holds(self, now: float) -> bool:
        """Whether the newest start at or before `now` (Unix seconds) is less than the duration ago."""
        begun = self._newest(now)
        return begun is not None and now - begun < self.duration

    def _newest(self, now: float) -> float | None:
        # Going back from where the wall clock is later than it ever was until now: one that goes back an hour would
        # hide a start that has been. Durations elapse in real seconds, so a clock change within one neither prolongs
        # nor shortens it.
        after = datetime.fromtimestamp(now - now % 60 + _LARGEST_CHANGE, UTC).astimezone(self.zone)
        times: Iterator[datetime] = CronSim(self.start, after, reverse=True)
        for begun in times:
            at = begun.timestamp()
            if at <= now:
                return at
        return None


def parse(spec: ScheduleSpec) -> Schedule:
    """The schedule of `spec`. Raises ValueError, whose text names the field and says what to do."""
    try:
        zone = ZoneInfo(spec.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("timeZone: is no time zone of the IANA database; write it as Europe/Berlin") from None
    if len(spec.start.split()) != 5:
        raise ValueError(f"start: {len(spec.start.split())} fields; {_SHAPE}")
    try:
        first = next(CronSim(spec.start, datetime.fromtimestamp(0, zone)), None)
    except CronSimError as error:
        raise ValueError(f"start: {error}; {_SHAPE}") from None
    if first is None:
        raise ValueError("start: no day is meant by that; correct day of month and month")
    return Schedule(spec.name, spec.start, zone, seconds(spec.duration), spec.min, spec.max)


def narrow(bounds: ConsumerBounds, schedules: Iterable[Schedule], now: float) -> tuple[ConsumerBounds, str]:
    """Bounds at `now` and the names of the schedules that hold, joined by commas.

    Schedules only narrow. Of several the highest minimum and the lowest maximum count; where these contradict each
    other, the minimum wins, since too many consumers cost less than orders that are late.
    """
    held = [one for one in schedules if one.holds(now)]
    minimum = bounds.clamp(max((one.minimum for one in held if one.minimum is not None), default=bounds.minimum))
    maximum = bounds.clamp(min((one.maximum for one in held if one.maximum is not None), default=bounds.maximum))
    return ConsumerBounds(minimum, max(minimum, maximum)), ", ".join(one.name for one in held)
