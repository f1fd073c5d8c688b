"""The state of the scaling as JSON in the status, so that an operator that restarts goes on with what it knew.

Names are in camelCase, what is not known is left out, and so is `at`: a state that is steady stays the same text. What
is missing, foreign or of the wrong type counts as not known.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from types import MappingProxyType, NoneType
from typing import Any, TypeVar, get_args

from pydantic.alias_generators import to_camel

from orderpipeline_operator.domain.scaling.forecast import Forecast
from orderpipeline_operator.domain.scaling.state import ScalingState

Value = TypeVar("Value")
_camel = cache(to_camel)  # each name takes three regular expressions


def to_json(state: ScalingState) -> dict[str, Any]:
    """The state as a JSON object; times and rates with three decimals."""
    return _object(replace(state, at=None))


def from_json(value: object) -> ScalingState:
    """What `to_json` wrote, or the flat form of earlier versions."""
    if not isinstance(value, Mapping):
        return ScalingState()
    return replace(_read(ScalingState, _nested(value)) or ScalingState(), at=None)


def _object(value: Any) -> dict[str, Any]:
    found = {_camel(field.name): _json(getattr(value, field.name)) for field in fields(value)}
    return {
        name: each for name, each in found.items() if each is not None and each is not False and each not in ([], {})
    }


def _json(value: Any) -> Any:
    if isinstance(value, Forecast):
        return value.to_json()
    if is_dataclass(value):
        return _object(value)
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    return round(value, 3) if isinstance(value, float) else value


def _read(kind: type[Value], value: object) -> Value | None:
    """A dataclass of numbers, flags and dataclasses; None where a field without a default is not known."""
    given = value if isinstance(value, Mapping) else {}
    known = {}
    for field in fields(kind):  # type: ignore[arg-type]
        found = _field(field.type, given.get(_camel(field.name)))
        if found is not None:
            known[field.name] = found
    try:
        return kind(**known)
    except TypeError:
        return None


def _field(kind: Any, value: object) -> Any:
    kind = next((each for each in get_args(kind) if each is not NoneType), kind) if NoneType in get_args(kind) else kind
    if kind is Forecast:
        return Forecast.from_json(value)
    if is_dataclass(kind):
        return _read(kind, value)  # type: ignore[arg-type]
    return _READERS.get(kind, _pairs)(value)


def _number(value: object) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
    return float(value) if known else None  # type: ignore[arg-type]


def _count(value: object) -> int | None:
    known = _number(value)
    return None if known is None else int(known)


def _flag(value: object) -> bool:
    return value is True


def _pairs(value: object) -> tuple[tuple[float, int], ...]:
    """Times and numbers; none where anything of them is foreign."""
    try:
        return tuple((float(since), int(number)) for since, number in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError, OverflowError):
        return ()


_READERS: Mapping[Any, Callable[[object], Any]] = MappingProxyType({float: _number, int: _count, bool: _flag})

_EARLIER = MappingProxyType({
    "desired": "desired", "last_up": "scaledUpAt", "forecast": "forecast",
    "steady": "activity.steady", "active_since": "activity.activeSince", "arrived_at": "activity.arrivedAt",
    "quiet_since": "activity.quietSince", "members": "group.members", "members_since": "group.membersSince",
    "rebalancing_since": "group.rebalancingSince", "below": "stabilization.below",
    "above_since": "stabilization.aboveSince", "above_trough": "stabilization.minAbove",
    "rate": "capacity.rate", "shown": "capacity.observed", "trial_at": "trial.startedAt",
    "trial_from": "trial.replicasBefore", "trial_to": "trial.replicasAfter", "trial_before": "trial.throughputBefore",
    "ceiling": "ceiling.replicas", "ceiling_until": "ceiling.until", "ceiling_for": "ceiling.seconds",
    "ceiling_rate": "ceiling.throughput", "fall_at": "backoff.scaleDown.startedAt",
    "fall_from": "backoff.scaleDown.replicasBefore", "fall_rate": "backoff.scaleDown.arrivalRate",
    "hold": "backoff.wait", "least": "backoff.floor", "least_until": "backoff.floorUntil",
    "least_for": "backoff.floorSeconds", "least_rate": "backoff.floorRate",
})  # fmt: skip
"""Names of the flat form, which earlier versions wrote, and their places now."""


def _nested(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The flat form as the present one; the present one as it is."""
    both = ("desired", "forecast")
    if all(isinstance(each, Mapping) for name, each in value.items() if name in _EARLIER and name not in both):
        return value
    found: dict[str, Any] = {}
    for name, place in _EARLIER.items():
        if name in value:
            *folders, last = place.split(".")
            inner = found
            for folder in folders:
                inner = inner.setdefault(folder, {})
            inner[last] = value[name]
    return found
