"""Why a pipeline has as many consumers as it has, in words. Pure: from the OrderPipeline with its status to text."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from orderpipeline_operator.domain.scaling import explain
from orderpipeline_operator.domain.scaling.numbers import Numbers
from orderpipeline_operator.domain.units.wording import counted

LAST = 5
"""Decisions that are listed; the status has more."""
_HOLDS = MappingProxyType({
    "Rebalancing": "the group rebalances, and a change of its members would only prolong that",
    "Unknown": "the lag is not known, and what is not known moves nothing",
    "ClockStep": "the clock was set back, so no waiting time can be trusted",
    "StabilizingUp": "more consumers must be recommended for autoscaling.stabilizationUp before they are added",
    "StabilizingDown": "fewer consumers must be recommended for autoscaling.stabilizationDown before any goes",
})  # fmt: skip


def report(pipeline: Mapping[str, Any]) -> str:
    """Text of several lines that ends with a newline. What the status does not say is not made up."""
    status = pipeline.get("status") or {}
    scaling = status.get("scaling") or {}
    decisions = scaling.get("decisions") or []
    latest = scaling.get("latest") or (decisions[-1] if decisions else None)
    lines = [_headline(pipeline["metadata"].get("name", "?"), status)]
    if latest is None:
        lines += ["", "Nothing has been decided yet.", *_problems(status, "Ready", "AutoscalingActive")]
    else:
        lines += _problems(status, "AutoscalingActive")
        lines += ["", f"{latest.get('reason')} ({latest.get('at')}): {latest.get('message')}"]
        lines += _table([*explain.table(Numbers.from_json(latest.get("numbers"))), *_hold(latest)])
    if decisions:
        lines += ["", "Last changes, newest last:", *map(_change, decisions[-LAST:])]
    return "\n".join(lines) + "\n"


def _headline(name: str, status: Mapping[str, Any]) -> str:
    consumers, lag = status.get("consumers") or {}, status.get("lag") or {}
    desired, current, waiting = consumers.get("desired"), consumers.get("current"), lag.get("orders")
    wanted = "an unknown number of consumers" if desired is None else counted(desired, "consumer")
    line = f"{name}: {wanted} desired, {'an unknown number' if current is None else current} running"
    if waiting is None:
        return f"{line}; how many orders wait is not known."
    age = "" if not waiting or lag.get("seconds") is None else f", the oldest for {lag['seconds']:g} s"
    return f"{line}; {counted(waiting, 'order')} waiting{age}."


def _problems(status: Mapping[str, Any], *types: str) -> Iterator[str]:
    for condition in status.get("conditions") or ():
        if condition.get("type") in types and condition.get("status") != "True":
            yield f"{condition['type']}: {condition.get('reason')}: {condition.get('message')}"


def _hold(latest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    why, replicas = _HOLDS.get(str(latest.get("reason"))), latest.get("replicas")
    if why:
        yield "held at", f"{'an unknown number' if replicas is None else replicas}: {why}"


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"  {name:<20} {text}" for name, text in rows]


def _change(entry: Mapping[str, Any]) -> str:
    number = " -> ".join("?" if entry.get(key) is None else str(entry[key]) for key in ("previous", "replicas"))
    return f"  {entry.get('at')}  {number:<12} {entry.get('reason')}"
