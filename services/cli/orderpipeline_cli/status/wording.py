"""A summary as text and as a value."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from orderpipeline_cli.status.advice import advice
from orderpipeline_cli.status.summary import Condition, Decision, Summary
from orderpipeline_operator.domain.units.wording import counted

LABEL_WIDTH: Final = 18
LAST_CHANGES: Final = 3
SIGNS: Final = {True: "ok", False: "!!", None: "--"}


def text(summary: Summary, now: datetime) -> str:
    """The whole screen; `now` has a time zone."""
    blocks = (
        _head(summary),
        _health(summary, now),
        _flow(summary),
        _scaling(summary, now),
        _attention(summary),
        _todo(summary),
    )
    return "".join(f"{line}\n" for line in _spaced(blocks))


def as_value(summary: Summary) -> dict[str, Any]:
    """For JSON and YAML; what is not known is null."""
    ready, current = summary.consumers
    return {
        "name": summary.name,
        "namespace": summary.namespace,
        "state": summary.state,
        "health": [
            {"type": one.type, "status": one.status, "good": one.good, "reason": one.reason, "message": one.message}
            for one in summary.conditions
        ],
        "endpoints": {"api": summary.api, "bootstrap": summary.bootstrap},
        "flow": {"ordersArrivingPerSecond": summary.arriving, "ordersProcessedPerSecond": summary.processed},
        "lag": {
            "orders": summary.lag_orders,
            "oldestSeconds": summary.lag_seconds,
            "caughtUpInSeconds": None if summary.catch_up is None else round(summary.catch_up, 1),
        },
        "partitions": summary.partitions,
        "producers": {"ready": summary.producers[0], "current": summary.producers[1]},
        "consumers": {"ready": ready, "current": current, "desired": summary.desired},
        "scaling": {
            "decision": None if summary.decision is None else _decision_value(summary.decision),
            "changes": [_decision_value(one) for one in summary.changes],
        },
        "pods": [
            {"name": one.pod, "reason": one.reason, "message": one.message, "restarts": one.restarts}
            for one in summary.pods
        ],
        "warnings": list(summary.warnings),
        "todo": list(advice(summary)),
    }


def age(since: str, now: datetime) -> str:
    """How long ago a time of Kubernetes was, such as 5m or 3d; empty if it is none."""
    try:
        seconds = int((now - datetime.fromisoformat(since)).total_seconds())
    except (ValueError, TypeError):
        return ""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def _spaced(blocks: Iterable[Iterable[str]]) -> Iterator[str]:
    first = True
    for block in blocks:
        lines = list(block)
        if lines and not first:
            yield ""
        first = first and not lines
        yield from lines


def _head(summary: Summary) -> Iterator[str]:
    where = f"in {summary.namespace}" if summary.namespace else "on this machine"
    yield f"{summary.name} {where}: {summary.state}"
    if summary.api:
        yield _row("order API", summary.api)
    if summary.bootstrap:
        yield _row("Kafka", summary.bootstrap)


def _health(summary: Summary, now: datetime) -> Iterator[str]:
    if not summary.conditions:
        return
    yield "Health"
    for condition in summary.conditions:
        if condition.type != "Ready" or condition.good is not True:
            yield from _condition(condition, now)


def _condition(condition: Condition, now: datetime) -> Iterator[str]:
    since = age(condition.since, now)
    quiet = condition.good is True or (condition.good is None and condition.status == "False")
    told = condition.reason if quiet else f"{condition.reason}: {condition.message}"
    yield f"  {SIGNS[condition.good]} {condition.type:<18}{told}{f' ({since})' if since else ''}"


def _flow(summary: Summary) -> Iterator[str]:
    yield "Flow"
    yield _row("arriving", _rate(summary.arriving))
    yield _row("processed", _rate(summary.processed))
    yield _row("waiting", _lag(summary))
    if summary.partitions is not None:
        yield _row("partitions", str(summary.partitions))


def _lag(summary: Summary) -> str:
    if summary.lag_orders is None:
        return "not known"
    told = counted(summary.lag_orders, "order")
    if summary.lag_orders and summary.lag_seconds is not None:
        told += f", the oldest for {summary.lag_seconds:g} s"
    return told if summary.catch_up is None else f"{told}; caught up in about {summary.catch_up:.0f} s"


def _scaling(summary: Summary, now: datetime) -> Iterator[str]:
    yield "Scaling"
    if summary.producers[1] is not None:
        yield _row("producers", _pods(summary.producers))
    desired = "an unknown number" if summary.desired is None else str(summary.desired)
    low, high = summary.allowed
    bounds = "" if low is None or high is None else f" ({low} to {high} allowed)"
    yield _row("consumers", f"{_pods(summary.consumers)}; {desired} desired{bounds}")
    if summary.decision is not None:
        since = age(summary.decision.at, now)
        yield _row("why", f"{summary.decision.reason}{f' ({since} ago)' if since else ''}: {summary.decision.message}")
    for change in summary.changes[-LAST_CHANGES:]:
        numbers = " -> ".join("?" if each is None else str(each) for each in (change.previous, change.replicas))
        yield _row("", f"{change.at}  {numbers:<10} {change.reason}")


def _attention(summary: Summary) -> Iterator[str]:
    if summary.pods or summary.warnings:
        yield "Attention"
        for one in summary.pods:
            message = f": {one.message}" if one.message else ""
            restarts = f" ({counted(one.restarts, 'restart')})" if one.restarts else ""
            yield f"  pod {one.pod}: {one.reason}{message}{restarts}"
        yield from (f"  {warning}" for warning in summary.warnings)


def _todo(summary: Summary) -> Iterator[str]:
    sentences = advice(summary)
    if sentences:
        yield "What to do"
        yield from (f"  {sentence}" for sentence in sentences)


def _pods(numbers: tuple[int | None, int | None]) -> str:
    ready, current = numbers
    if current is None:
        return "an unknown number running"
    return f"{current} running" if ready is None else f"{ready} of {current} ready"


def _row(label: str, value: str) -> str:
    return f"  {label:<{LABEL_WIDTH}}{value}"


def _rate(value: float | None) -> str:
    return "not known" if value is None else f"{value:,.1f} orders/s"


def _decision_value(decision: Decision) -> dict[str, Any]:
    return {
        "at": decision.at,
        "reason": decision.reason,
        "message": decision.message,
        "replicas": decision.replicas,
        "previous": decision.previous,
    }
