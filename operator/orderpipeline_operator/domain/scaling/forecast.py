"""What is likely to arrive soon: additive Holt-Winters with a damped trend, over the slots of a season. Pure.

A season (a day, a week) has 96 slots, 168 when it is longer than a day. The mean arrival rate of each finished slot is
one observation. Nothing is forecast until each slot of a season was seen once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orderpipeline_operator.domain.scaling.tuning import HOLT_WINTERS, HoltWinters

DAY = 86400.0
CLOCK_SLACK = 4
"""Slots by which the clock may be behind the one that the forecast was learned with: that slot is filled meanwhile."""
UNSEEN = -1
"""In JSON: a slot of the first season that was not seen yet; a mean rate is never negative."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """The season's length and how far ahead to look. Seconds."""

    season: float
    ahead: float

    @property
    def slots(self) -> int:
        """Slots of a season."""
        return 96 if self.season <= DAY else 168

    def slot(self, at: float) -> int:
        """Number of the slot at `at`, in Unix seconds, counted from 1970."""
        return int(at // (self.season / self.slots))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was learned. Rates are orders per second.

    `slot` is being filled: `orders` came in `seconds` of it. `level` is None in the first season, while `season` holds
    plain means (None: not seen); later `season` holds what each slot lies above or below the level.
    """

    slot: int
    season: tuple[float | None, ...]
    orders: float = 0.0
    seconds: float = 0.0
    level: float | None = None
    trend: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """JSON object without nulls, which the API server may drop; three decimals are enough for rates."""
        season = [UNSEEN if one is None else round(one, 3) for one in self.season]
        kept = {"slot": self.slot, "orders": round(self.orders, 1), "seconds": round(self.seconds, 1), "season": season}
        return kept if self.level is None else kept | {"level": round(self.level, 3), "trend": round(self.trend, 4)}

    @classmethod
    def from_json(cls, value: object) -> "Forecast | None":
        """Read what `to_json` wrote; None when anything of it is foreign."""
        if not isinstance(value, Mapping):
            return None
        try:
            numbers = [float(one) for one in value["season"]]
            level = None if value.get("level") is None else float(value["level"])
            season = tuple(None if level is None and one < 0 else one for one in numbers)
            counts = (float(value["orders"]), float(value["seconds"]))
            return cls(int(value["slot"]), season, *counts, level, float(value.get("trend") or 0.0))
        except (KeyError, TypeError, ValueError, OverflowError):
            return None


def learn(
    known: Forecast | None,
    horizon: Horizon,
    rate: float,
    elapsed: float,
    now: float,
    weights: HoltWinters = HOLT_WINTERS,
) -> Forecast:
    """Take in that orders arrived at `rate` for the last `elapsed` seconds before `now` (Unix seconds)."""
    slot = horizon.slot(now)
    ahead_by = 0 if known is None else slot - known.slot
    if known is None or len(known.season) != horizon.slots or not -CLOCK_SLACK <= ahead_by <= 10 * horizon.slots:
        known = Forecast(slot, (None,) * horizon.slots)
    if slot > known.slot:
        known = _finish(known, horizon.season / horizon.slots, weights)
        for _ in range(slot - known.slot - 1):  # slots of which nothing is known: the trend goes on, and fades
            trend = weights.damping * known.trend
            known = replace(known, trend=trend, level=None if known.level is None else known.level + trend)
        known = replace(known, slot=slot, orders=0.0, seconds=0.0)
    elapsed = min(max(elapsed, 0.0), weights.max_sample_seconds)
    return replace(known, orders=known.orders + rate * elapsed, seconds=known.seconds + elapsed)


def ahead(known: Forecast | None, horizon: Horizon, now: float, weights: HoltWinters = HOLT_WINTERS) -> float | None:
    """The highest rate expected from now until the horizon; None while a season is not complete."""
    if known is None or known.level is None or len(known.season) != horizon.slots:
        return None
    last = min(horizon.slot(now + horizon.ahead), known.slot + horizon.slots)
    level, trend, highest = known.level, known.trend, 0.0
    for slot in range(known.slot, last + 1):
        trend *= weights.damping
        level += trend
        highest = max(highest, level + (known.season[slot % horizon.slots] or 0.0))
    return highest


def _finish(known: Forecast, length: float, weights: HoltWinters) -> Forecast:
    """Take in the slot that was being filled, if at least half of it was seen."""
    place, trend = known.slot % len(known.season), weights.damping * known.trend
    if known.seconds < length / 2:
        return replace(known, trend=trend, level=None if known.level is None else known.level + trend)
    mean = known.orders / known.seconds
    season = list(known.season)
    if known.level is not None:
        error = mean - (known.level + trend + (season[place] or 0.0))
        season[place] = (season[place] or 0.0) + weights.season * error
        level = known.level + trend + weights.level * error
        return replace(known, season=tuple(season), level=level, trend=trend + weights.level * weights.trend * error)
    season[place] = mean
    seen = [one for one in season if one is not None]
    if len(seen) < len(season):
        return replace(known, season=tuple(season))
    level = sum(seen) / len(seen)
    return replace(known, season=tuple(one - level for one in seen), level=level)
