"""The scaling: its decisions, each with the arithmetic behind it."""

from collections.abc import Mapping
from typing import Any, Final

from orderpipeline_operator.console.facts import Facts
from orderpipeline_operator.domain.scaling import explain
from orderpipeline_operator.domain.scaling.numbers import Numbers

LIMITS: Final[Mapping[str, str]] = {
    "Idle": "Idle", "Quiet": "Quiet", "Forecast": "Forecast", "Ineffective": "No effect", "Skewed": "Skewed",
    "Spare": "Members to spare", "AtMaximum": "At the maximum", "Steady": "Steady", "Pressure": "Under pressure",
    "StabilizingUp": "Waiting to scale up", "StabilizingDown": "Waiting to scale down", "Demand": "Demand",
    "Rebalancing": "Held: rebalancing", "Unknown": "Held: lag unknown", "ClockStep": "Held: clock set back",
    "Bounds": "Bounds", "Off": "Off",
}  # fmt: skip
"""Words for people; the reason itself where there are none."""


def scaling(facts: Facts) -> dict[str, Any]:
    """The current decision and the last changes, newest last."""
    view = facts.scaling
    return {
        "mode": facts.mode,
        "bounds": facts.bounds,
        "desired": None if view is None else view.desired,
        "error": "" if view is None else view.error,
        "latest": None if view is None or view.latest is None else decision(view.latest),
        "decisions": [] if view is None else [decision(one) for one in view.decisions],
    }


def decision(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One decision as the status has it, with its numbers as the steps of a calculation."""
    reason = str(entry.get("reason") or "")
    return {
        "at": entry.get("at"),
        "from": entry.get("previous"),
        "to": entry.get("replicas"),
        "reason": reason,
        "title": LIMITS.get(reason, reason),
        "message": entry.get("message") or "",
        "steps": [*explain.table(Numbers.from_json(entry.get("numbers")))],
    }
