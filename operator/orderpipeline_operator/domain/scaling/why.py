"""Why a pipeline has as many consumers as it has, in words. Pure: from the OrderPipeline with its status to text."""

from collections.abc import Iterator, Mapping
from typing import Any

from orderpipeline_operator.domain.scaling import even_steps

LAST = 5
"""Decisions that are told of; the status has more."""
_HELD = {
    "Rebalancing": "the group shares out its partitions anew, and more or fewer members now would only prolong that",
    "Unknown": "the lag is not known, and what is not known moves nothing",
    "ClockStep": "the clock was set back, so no waiting time can be trusted",
    "StabilizingUp": "more consumers must be wanted for autoscaling.stabilizationUp before they come",
    "StabilizingDown": "fewer consumers must be wanted for autoscaling.stabilizationDown before they go",
}


def explain(pipeline: Mapping[str, Any]) -> str:
    """Text of several lines that ends with a newline. What the status does not tell is not made up."""
    status = pipeline.get("status") or {}
    scaling = status.get("scaling") or {}
    decisions = scaling.get("decisions") or []
    latest = scaling.get("latest") or (decisions[-1] if decisions else None)
    lines = [_headline(pipeline["metadata"].get("name", "?"), status)]
    if latest is None:
        lines += ["", "Nothing was decided yet.", *_troubles(status, "Ready", "AutoscalingActive")]
    else:
        lines += _troubles(status, "AutoscalingActive")
        lines += ["", f"{latest.get('reason')} ({latest.get('at')}): {latest.get('message')}"]
        lines += _table(_arithmetic(latest.get("numbers") or {}, latest))
    if decisions:
        lines += ["", "Last changes, newest last:", *map(_change, decisions[-LAST:])]
    return "\n".join(lines) + "\n"


def _headline(name: str, status: Mapping[str, Any]) -> str:
    consumers, lag = status.get("consumers") or {}, status.get("lag") or {}
    wanted = _text(consumers.get("desired"))
    line = f"{name}: {wanted} consumers wanted, {_text(consumers.get('current'))} there"
    if lag.get("orders") is None:
        return f"{line}; how many orders wait is not known."
    age = "" if not lag["orders"] or lag.get("seconds") is None else f", the oldest for {lag['seconds']:g} s"
    return f"{line}; {lag['orders']} orders wait{age}."


def _troubles(status: Mapping[str, Any], *types: str) -> Iterator[str]:
    for condition in status.get("conditions") or ():
        if condition.get("type") in types and condition.get("status") != "True":
            yield f"{condition['type']}: {condition.get('reason')}: {condition.get('message')}"


def _arithmetic(n: Mapping[str, Any], latest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Steps of the calculation, each with its name; those whose numbers are missing are left out."""
    if "demand" in n:
        yield "orders arrive", f"{_text(n.get('arrivalRate'))}/s"
        yield "orders wait", f"{_text(n.get('lag'))}, to be worked off in {_text(n.get('targetCatchUp'))} s"
        yield "so to be done", f"{_text(n['demand'])}/s"
        yield "one consumer does", f"{_text(n.get('ratePerConsumer'))}/s ({n.get('rateIs')})"
        yield "consumers needed", _text(n.get("asked", n.get("needed")))
    yield from _special(n)
    if "floor" in n:
        yield "kept at least", f"{n['floor']} while orders arrive as now" if n["floor"] else "0: none arrive"
        schedule = f" (schedule {n['schedule']})" if n.get("schedule") else ""
        yield "allowed", f"{n.get('minimum')} to {n.get('maximum')}{schedule}"
    if "wanted" in n:
        yield "so wanted", f"{n['wanted']}{_place(n['wanted'], n.get('partitions'))}"
    held = _HELD.get(str(latest.get("reason")))
    if held:
        yield "held at", f"{_text(latest.get('replicas'))}: {held}"


def _place(wanted: int, partitions: int | None) -> str:
    """Where on the ladder that is; nothing where there is none, or no consumer."""
    if not wanted or not partitions:
        return ""
    even = wanted in even_steps.steps(partitions)
    return f", on a step over which {partitions} partitions spread evenly" if even else ", between two steps"


def _special(n: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What only some decisions have to reckon with."""
    texts = {
        "hotPartition": ("hot partition", f"{{}} asks for {_text(n.get('hotDemand'))}/s, and one consumer has it"),
        "stuckPartition": ("stuck partition", "nothing of {} is processed"),
        "foretoldRate": ("foretold", "{}/s"),
        "ceiling": ("no use beyond", "{}: more brought no throughput"),
    }
    for number, (name, text) in texts.items():
        if number in n:
            yield name, text.format(_text(n[number]))
    if "asked" in n:
        yield "more can help with", f"what {_text(n.get('needed'))} consumers do"
    if "spare" in n:
        yield "with least to do", f"{n['spare']}, whose partitions anybody can do beside his own"
    if "uneven" in n:
        yield "as partitions differ", f"{n['uneven']}, so that none is to expect more than it does"
    if "least" in n:
        yield "before fewer come", f"{n['least']}, as fewer were too few a while ago"
    if "spared" in n:
        yield "before fewer come", f"{n['spared']}, so that there is something to spare"


def _table(rows: Iterator[tuple[str, str]]) -> list[str]:
    return [f"  {name:<20} {text}" for name, text in rows]


def _change(entry: Mapping[str, Any]) -> str:
    number = " -> ".join("?" if entry.get(key) is None else str(entry[key]) for key in ("previous", "replicas"))
    return f"  {entry.get('at')}  {number:<12} {entry.get('reason')}"


def _text(value: object) -> str:
    if value is None:
        return "an unknown number of"
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
