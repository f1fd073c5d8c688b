"""What a decision remembers for the next one, as small values by subject.

Times are Unix seconds and their names end in `at`, `since` or `until`; None says that it is not so at present. How the
state is written into the status is in `state_json`.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from orderpipeline_operator.domain.scaling.forecast import Forecast

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Activity:
    """Whether orders arrive. `steady`: they did without a break for long enough to keep the floor."""

    steady: bool = False
    active_since: float | None = None
    arrived_at: float | None = None
    quiet_since: float | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """How many members the group has, since when it has as many, and since when it rebalances."""

    members: int | None = None
    members_since: float | None = None
    rebalancing_since: float | None = None


@dataclass(frozen=True, slots=True)
class Stabilization:
    """Changes that are waited with.

    `below`: since when no more than so many consumers were recommended, the times rising and the numbers falling.
    `above_since`: since when more were recommended than there are, `min_above` the fewest of these recommendations.
    """

    below: tuple[tuple[float, int], ...] = ()
    above_since: float | None = None
    min_above: int | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """Orders per second of one consumer: `rate` as measured; `observed`: until then, the most that one did at ease."""

    rate: float | None = None
    observed: float | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A scale-up whose effect is not known yet: numbers of consumers, and orders per second before it."""

    started_at: float
    replicas_before: int
    replicas_after: int
    throughput_before: float


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A number of consumers beyond which more did not help.

    `until`: how long that holds, `seconds`: for how long it was set the last time, `throughput`: orders per second that
    would not rise.
    """

    replicas: int | None = None
    until: float | None = None
    seconds: float | None = None
    throughput: float | None = None


@dataclass(frozen=True, slots=True)
class ScaleDown:
    """The last scale-down: from how many consumers, and orders per second that arrived then."""

    started_at: float
    replicas_before: int
    arrival_rate: float


@dataclass(frozen=True, slots=True)
class Backoff:
    """What is remembered of scale-downs that had to be reverted.

    `wait`: seconds before the next one, where that is longer than the policy's. `floor`: fewer consumers were too few,
    until when to remember it, for how many seconds, and at which arrival rate.
    """

    scale_down: ScaleDown | None = None
    wait: float | None = None
    floor: int | None = None
    floor_until: float | None = None
    floor_seconds: float | None = None
    floor_rate: float | None = None


@dataclass(frozen=True, slots=True)
class ScalingState:
    """All of it; `ScalingState()` knows nothing. `at` is the time of the decision, `scaled_up_at` the last scale-up."""

    at: float | None = None
    desired: int | None = None
    scaled_up_at: float | None = None
    activity: Activity = Activity()
    group: Membership = Membership()
    stabilization: Stabilization = Stabilization()
    capacity: Capacity = Capacity()
    trial: Trial | None = None
    ceiling: Ceiling = Ceiling()
    backoff: Backoff = Backoff()
    forecast: Forecast | None = None

    def shifted(self, seconds: float) -> "ScalingState":
        """The same state on a clock that was set by `seconds`."""
        below = tuple((since + seconds, number) for since, number in self.stabilization.below)
        moved = _changed_times(self, lambda _, at: at + seconds)
        return replace(moved, stabilization=replace(moved.stabilization, below=below))

    def not_after(self, now: float, stabilization_down: float) -> "ScalingState":
        """The same state with nothing begun later than `now`: another machine's clock may be ahead.

        So what holds `until` a time holds no longer than if it had been set now; a ceiling is set for
        `stabilization_down` seconds more than its own.
        """
        below = tuple((min(since, now), number) for since, number in self.stabilization.below)
        past = _changed_times(self, lambda name, at: at if name.endswith("until") else min(at, now))
        ceiling, backoff = past.ceiling, past.backoff
        return replace(
            past,
            stabilization=replace(past.stabilization, below=below),
            ceiling=replace(ceiling, until=_no_later(ceiling.until, now + stabilization_down, ceiling.seconds)),
            backoff=replace(backoff, floor_until=_no_later(backoff.floor_until, now, backoff.floor_seconds)),
        )


def is_time(name: str) -> bool:
    """Whether a field of that name is a Unix time."""
    return name == "at" or name.endswith(("_at", "since", "until"))


def _no_later(until: float | None, since: float, seconds: float | None) -> float | None:
    return until if until is None or seconds is None else min(until, since + seconds)


def _changed_times(value: State, change: Callable[[str, float], float]) -> State:
    changed: dict[str, Any] = {}
    for field in fields(value):  # type: ignore[arg-type]
        known = getattr(value, field.name)
        if is_dataclass(known) and not isinstance(known, Forecast):
            changed[field.name] = _changed_times(known, change)
        elif known is not None and is_time(field.name):
            changed[field.name] = change(field.name, known)
    return replace(value, **changed)  # type: ignore[type-var]
