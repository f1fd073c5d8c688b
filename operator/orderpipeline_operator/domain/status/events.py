"""The events that report changes of the status."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from orderpipeline_operator.domain.status.conditions import BAD_WHEN_TRUE, DELETING

_NEUTRAL: Final = {"Paused", "AutoscalingActive"}
_UNREPORTED: Final = {"Reconciling", "Stalled"}
"""They sum up what other conditions report."""
_REPORTED_AT_ONCE: Final = {"Accepted", "Degraded", "MonitoringActive"}
"""What is wrong at the first look too; of the others it is known that they take their time."""
_UNDERWAY: Final = {"Creating", "Pending", "Waiting", "Starting", "NotSampled"}
"""Reasons that are normal while something starts, and bad news if it was up before."""


@dataclass(frozen=True)
class Event:
    """One event to publish."""

    type: Literal["Normal", "Warning"]
    reason: str
    note: str


def condition_events(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> tuple[Event, ...]:
    """Events for conditions that changed; a first look reports only what is wrong."""
    before = {entry["type"]: entry for entry in old}
    events = []
    for entry in new:
        if entry["type"] in _UNREPORTED:
            continue
        last = before.get(entry["type"])
        coming_up = entry["reason"] in _UNDERWAY and (last is None or last["status"] != "True")
        bad = _is_bad(entry) and not coming_up and entry["reason"] != DELETING
        if last is None and not (bad and entry["type"] in _REPORTED_AT_ONCE):
            continue
        same = last is not None and last["status"] == entry["status"] and (last["reason"] == entry["reason"] or not bad)
        if not same:
            reason = entry["type"] if entry["status"] == "True" else f"Not{entry['type']}"
            events.append(Event("Warning" if bad else "Normal", reason, f"{entry['reason']}: {entry['message']}"))
    return tuple(events)


def scaling_events(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> tuple[Event, ...]:
    """Events for decisions that the status did not have yet, oldest first; a first number is not a change."""
    before = ((old or {}).get("scaling") or {}).get("decisions") or []
    events = []
    for entry in (new.get("scaling") or {}).get("decisions") or ():
        previous, wanted = entry.get("previous"), entry.get("replicas")
        if entry in before or previous is None or wanted is None:
            continue
        reason = "ScaledUp" if wanted > previous else "ScaledDown"
        note = f"{previous} -> {wanted}: {entry.get('reason')}: {entry.get('message')}"
        events.append(Event("Normal", reason, note))
    return tuple(events)


def _is_bad(entry: Mapping[str, Any]) -> bool:
    if entry["type"] in _NEUTRAL:
        return False
    return bool(entry["status"] == ("True" if entry["type"] in BAD_WHEN_TRUE else "False"))
