"""Policy, state and decision of the scaling: values that `scaling.decide` takes and gives."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from orderpipeline_operator.domain.bounds import ConsumerBounds
from orderpipeline_operator.domain.forecast import Forecast, Horizon
from orderpipeline_operator.domain.lag import Reset
from orderpipeline_operator.domain.schedule import Schedule

Number = int | float | str | None
Reason = Literal[
    "Off", "Unknown", "ClockStep", "Rebalancing", "Bounds", "Idle", "Quiet", "Steady", "Pressure", "AtMaximum",
    "Ineffective", "Skewed", "Forecast", "StabilizingUp", "StabilizingDown", "Demand",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """What the spec asks of the scaling. Times in seconds, rates in orders per second.

    `cold_rate` stands in for the rate of one consumer until that is measured; `fixed` is the number in mode Off, None
    for as many as there are.
    `schedules` narrow the bounds at times; with `forecast` consumers are added before the orders come.
    """

    mode: Literal["Auto", "Recommend", "Off"]
    bounds: ConsumerBounds
    fixed: int | None
    per_consumer_min: int
    per_consumer_max: int
    target_catch_up: float
    idle_after: float
    stabilization_up: float
    stabilization_down: float
    poll_interval: float
    offset_reset: Reset
    cold_rate: float
    schedules: tuple[Schedule, ...] = ()
    forecast: Horizon | None = None


@dataclass(frozen=True, slots=True)
class ScalingState:
    """What a decision remembers; `ScalingState()` knows nothing. Times are Unix seconds, None: not so at present.

    `steady`: orders arrived without a break for long enough to keep the floor. `below_*`/`above_*`: since when fewer or
    more consumers were wanted, and the most or fewest of those wishes. `rate`: measured orders per second of one
    consumer. `trial_*`: the last scale-up, from and to what, and the throughput before it. `ceiling`: what it did not
    help to go beyond, until when, for how many seconds it was closed the last time, and the throughput that would not
    rise. `forecast`: what was learned.
    """

    at: float | None = None
    desired: int | None = None
    steady: bool = False
    active_since: float | None = None
    arrived_at: float | None = None
    quiet_since: float | None = None
    below_since: float | None = None
    below_peak: int | None = None
    above_since: float | None = None
    above_trough: int | None = None
    rebalancing_since: float | None = None
    members: int | None = None
    members_since: float | None = None
    rate: float | None = None
    last_up: float | None = None
    trial_at: float | None = None
    trial_from: int | None = None
    trial_to: int | None = None
    trial_before: float | None = None
    ceiling: int | None = None
    ceiling_until: float | None = None
    ceiling_for: float | None = None
    ceiling_rate: float | None = None
    forecast: Forecast | None = None

    def shifted(self, seconds: float) -> "ScalingState":
        """The same state on a clock that was set by `seconds`."""
        times = {name: value for name in _TIMES if (value := getattr(self, name)) is not None}
        return replace(self, **{name: value + seconds for name, value in times.items()})

    def to_json(self) -> dict[str, Any]:
        """JSON object without what is None; `at` is left out, so that a steady state stays the same text."""
        plain = asdict(replace(self, at=None, forecast=None))
        kept = {k: _rounded(v) for k, v in plain.items() if v is not None and v is not False}
        return kept if self.forecast is None else kept | {"forecast": self.forecast.to_json()}

    @classmethod
    def from_json(cls, value: object) -> "ScalingState":
        """Read what `to_json` wrote. What is missing, foreign or of the wrong type counts as not known."""
        if not isinstance(value, Mapping):
            return cls()
        known: dict[str, Any] = {}
        for field in fields(cls):
            given = value.get(field.name)
            if field.name == "steady":
                known["steady"] = given is True
            elif field.name == "forecast":
                known["forecast"] = Forecast.from_json(given)
            elif isinstance(given, (int, float)) and not isinstance(given, bool) and given >= 0:
                known[field.name] = float(given) if field.name in _FLOATS else int(given)
        known.pop("at", None)
        return cls(**known)


_TIMES = (
    "at", "active_since", "arrived_at", "quiet_since", "below_since", "above_since", "rebalancing_since",
    "members_since", "last_up", "trial_at", "ceiling_until",
)  # fmt: skip
_FLOATS = frozenset((*_TIMES, "rate", "trial_before", "ceiling_for", "ceiling_rate"))


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


@dataclass(frozen=True, slots=True)
class Decision:
    """How many consumers there shall be, why, and the numbers behind it.

    `replicas` is None only when nothing is known: no reading yet and no number from before. `at` is Unix seconds.
    """

    at: float
    replicas: int | None
    previous: int | None
    reason: Reason
    message: str
    numbers: Mapping[str, Number]
    state: ScalingState

    def to_json(self) -> dict[str, Any]:
        """Entry for the status: without the state, numbers rounded, None left out."""
        return {
            "at": datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "replicas": self.replicas,
            "previous": self.previous,
            "reason": self.reason,
            "message": self.message,
            "numbers": {k: _rounded(v) for k, v in self.numbers.items() if v is not None},
        }
