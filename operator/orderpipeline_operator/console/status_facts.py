"""The facts that an OrderPipeline with its status gives, for whoever sees the object alone. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from orderpipeline_operator.console.facts import Condition, Facts, Instances, Tone, Topics
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.scaling.numbers import Numbers
from orderpipeline_operator.domain.status.conditions import BAD_WHEN_TRUE
from orderpipeline_operator.sampling.view import ScalingView

SUMS_ONLY: Final = "The status of a pipeline has sums only. The operator's metrics have its busiest partitions."
_NEUTRAL: Final = frozenset({"Paused", "Reconciling"})

Advise = Callable[[str, str], str]
"""What to do about a condition, by its type and reason; an empty string if no more than its message says."""


def facts_of(pipeline: Manifest, at: float, advise: Advise = lambda _type, _reason: "") -> Facts:
    """What is known of it. `at` in Unix seconds. What its status does not say is unknown."""
    meta, spec, status = pipeline["metadata"], pipeline.get("spec") or {}, pipeline.get("status") or {}
    conditions = tuple(_condition(entry, advise) for entry in status.get("conditions") or ())
    view = _view(status)
    numbers = Numbers.from_json((view.latest or {}).get("numbers")) if view is not None else Numbers()
    bounds = None if numbers.minimum is None or numbers.maximum is None else (numbers.minimum, numbers.maximum)
    state, tone = _state(meta, status, conditions)
    name, namespace, topic = meta["name"], meta["namespace"], spec.get("topic") or {}
    return Facts(
        key=(namespace, name),
        at=at,
        state=state,
        tone=tone,
        topics=Topics(topic.get("name", "orders-placed"), name, None, status.get("partitions")),
        scaling=view,
        producers=_instances(status.get("producers")),
        consumers=_instances(status.get("consumers")),
        bounds=bounds,
        mode=(spec.get("autoscaling") or {}).get("mode", "Auto"),
        api=(status.get("endpoints") or {}).get("api"),
        sink=_sink(spec.get("consumer") or {}),
        conditions=conditions,
        warnings=tuple(status.get("warnings") or ()),
        commands=_commands(namespace, name),
        without_partitions=SUMS_ONLY,
    )


def _commands(namespace: str, name: str) -> Mapping[str, str]:
    ours, pods = f"-n {namespace} {name}", f"kubectl -n {namespace} get pods -l"
    return {
        "status": f"kubectl orderpipeline status {ours}",
        "why": f"kubectl orderpipeline why {ours}",
        "deadLetters": f"kubectl orderpipeline dlq list {ours}",
        "consumerLogs": f"kubectl -n {namespace} logs deploy/{name}-consumer --tail=50",
        "brokers": f"{pods} strimzi.io/cluster={name}",
    }


def _view(status: Mapping[str, Any]) -> ScalingView | None:
    scaling, lag, consumers = status.get("scaling"), status.get("lag") or {}, status.get("consumers") or {}
    if not scaling:
        return None
    decisions = tuple(scaling.get("decisions") or ())
    latest = scaling.get("latest") or (decisions[-1] if decisions else None)
    unread = lag.get("orders") is None
    return ScalingView(
        orders=lag.get("orders"),
        seconds=lag.get("seconds"),
        partitions=status.get("partitions"),
        desired=consumers.get("desired"),
        why=consumers.get("why") or "",
        error=(latest or {}).get("message") or "The operator has not read it yet." if unread else "",
        latest=latest,
        decisions=decisions,
        reason=(latest or {}).get("reason") or "",
    )


def _instances(entry: Mapping[str, Any] | None) -> Instances:
    return Instances() if entry is None else Instances(entry.get("ready"), entry.get("desired", entry.get("current")))


def _sink(consumer: Mapping[str, Any]) -> str:
    return str(consumer.get("handler") or (consumer.get("sink") or {}).get("type", "log"))


def _condition(entry: Mapping[str, Any], advise: Advise) -> Condition:
    kind, status, reason = entry["type"], entry.get("status", "Unknown"), entry.get("reason", "")
    tone: Tone = "unknown"
    if kind in _NEUTRAL:
        tone = "info" if status == "True" else "good"
    elif status in ("True", "False"):
        tone = "good" if (status == "True") != (kind in BAD_WHEN_TRUE) else "bad"
    do = advise(kind, reason) if tone == "bad" else ""
    return Condition(kind, status, tone, reason, entry.get("message", ""), entry.get("lastTransitionTime", ""), do)


def _state(meta: Manifest, status: Manifest, conditions: tuple[Condition, ...]) -> tuple[str, Tone]:
    by_type = {condition.type: condition for condition in conditions}
    if meta.get("deletionTimestamp"):
        return "Deleting", "info"
    if status.get("observedGeneration") != meta.get("generation"):
        return "Outdated", "unknown"
    if "Paused" in by_type and by_type["Paused"].status == "True":
        return "Paused", "info"
    ready = by_type.get("Ready")
    if ready is None or ready.tone not in ("good", "bad"):
        return "Not known", "unknown"
    return ("Ready", "good") if ready.tone == "good" else ("Not ready", "bad")
