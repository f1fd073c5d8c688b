"""Policy, state and decision of the scaling: values that `scaling.decide` takes and gives."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.api.v1alpha1.schedule import Schedule
from orderpipeline_operator.domain.lag.sample import Reset
from orderpipeline_operator.domain.scaling.forecast import Forecast, Horizon

Number = int | float | str | None
Reason = Literal[
    "Off", "Unknown", "ClockStep", "Rebalancing", "Bounds", "Idle", "Quiet", "Steady", "Pressure", "AtMaximum",
    "Ineffective", "Skewed", "Spare", "Forecast", "StabilizingUp", "StabilizingDown", "Demand",
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

    `steady`: orders arrived without a break for long enough to keep the floor. `below`: since when no more than so many
    were wanted, the times rising and the numbers falling; `above_*`: since when more were wanted, and the fewest of
    those wishes. `rate`: measured orders per second of one consumer; `shown`: until then, the most that one did without
    strain. `trial_*`: the last scale-up, from and to what, and the throughput before it. `ceiling`: what it did not
    help to go beyond, until when, for how many seconds it was closed the last time, and the throughput that would not
    rise. `fall_*`: the last scale-down, from what, and the arrival rate then; `hold`: for how long to wait with the
    next, where that is longer than the policy's. `least`: fewer than that were too few, until when to remember it, for
    how many seconds, and at what arrival rate. `forecast`: what was learned.
    """

    at: float | None = None
    desired: int | None = None
    steady: bool = False
    active_since: float | None = None
    arrived_at: float | None = None
    quiet_since: float | None = None
    below: tuple[tuple[float, int], ...] = ()
    above_since: float | None = None
    above_trough: int | None = None
    rebalancing_since: float | None = None
    members: int | None = None
    members_since: float | None = None
    rate: float | None = None
    shown: float | None = None
    last_up: float | None = None
    trial_at: float | None = None
    trial_from: int | None = None
    trial_to: int | None = None
    trial_before: float | None = None
    ceiling: int | None = None
    ceiling_until: float | None = None
    ceiling_for: float | None = None
    ceiling_rate: float | None = None
    fall_at: float | None = None
    fall_from: int | None = None
    fall_rate: float | None = None
    hold: float | None = None
    least: int | None = None
    least_until: float | None = None
    least_for: float | None = None
    least_rate: float | None = None
    forecast: Forecast | None = None

    def shifted(self, seconds: float) -> "ScalingState":
        """The same state on a clock that was set by `seconds`."""
        times = {name: value for name in _TIMES if (value := getattr(self, name)) is not None}
        below = tuple((since + seconds, number) for since, number in self.below)
        return replace(self, below=below, **{name: value + seconds for name, value in times.items()})

    def to_json(self) -> dict[str, Any]:
        """JSON object without what is None; `at` is left out, so that a steady state stays the same text."""
        plain = asdict(replace(self, at=None, forecast=None))
        plain["below"] = [[_rounded(since), number] for since, number in self.below]
        kept = {k: _rounded(v) for k, v in plain.items() if v is not None and v is not False and v != []}
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
            elif field.name == "below":
                known["below"] = _wishes(given)
            elif isinstance(given, (int, float)) and not isinstance(given, bool) and given >= 0:
                known[field.name] = float(given) if field.name in _FLOATS else int(given)
        known.pop("at", None)
        return cls(**known)


_TIMES = (
    "at", "active_since", "arrived_at", "quiet_since", "above_since", "rebalancing_since",
    "members_since", "last_up", "trial_at", "ceiling_until", "fall_at", "least_until",
)  # fmt: skip
_FLOATS = frozenset((
    *_TIMES, "rate", "shown", "trial_before", "ceiling_for", "ceiling_rate", "fall_rate", "hold", "least_for",
    "least_rate",
))  # fmt: skip


def _wishes(value: object) -> tuple[tuple[float, int], ...]:
    """What `below` was; empty where anything of it is foreign."""
    try:
        return tuple((float(since), int(number)) for since, number in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError):
        return ()


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


@dataclass(frozen=True, slots=True)
class Decision:
    """How many consumers there shall be, why, and the numbers behind it.

    `replicas` is None only when nothing is known: no reading yet and no number from before. `at` is Unix seconds.
    `leaving` names the members, by client.id, that should be the first to go, the first first.
    """

    at: float
    replicas: int | None
    previous: int | None
    reason: Reason
    message: str
    numbers: Mapping[str, Number]
    state: ScalingState
    leaving: tuple[str, ...] = ()

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
