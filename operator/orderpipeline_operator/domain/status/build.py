"""From what was observed to .status, and to the events that tell of its changes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from orderpipeline_operator.domain import manifests
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import SERVICE, TOPIC, Manifest, Ref
from orderpipeline_operator.domain.lag.sample import moved
from orderpipeline_operator.domain.planning import bootstrap_address
from orderpipeline_operator.domain.planning.observed import Observed, Scaling, conditions, is_true
from orderpipeline_operator.domain.planning.plan import Plan
from orderpipeline_operator.domain.status import conditions as cond
from orderpipeline_operator.domain.status.autoscaling_condition import autoscaling_active
from orderpipeline_operator.domain.status.conditions import Condition

MAX_WARNINGS: Final = 20
_BAD_WHEN_TRUE: Final = {"Degraded"}
_NEUTRAL: Final = {"Paused", "AutoscalingActive"}
_UNDERWAY: Final = {"Creating", "Pending", "Waiting", "Starting", "NotSampled"}
"""Reasons that are no news while something comes up, and bad news when it was up before."""
_DELETING: Final = "Deleting"


@dataclass(frozen=True)
class Findings:
    """What one reconcile learned, beside what it saw."""

    plan: Plan = field(default_factory=Plan)
    failures: tuple[str, ...] = ()
    """Writes that the API server refused, in words."""
    contested: tuple[Ref, ...] = ()
    """Objects that do not stay as they are applied."""
    scaling: Scaling | None = None
    metrics_trouble: tuple[str, str] | None = None
    """Reason and message when the cluster's external metrics are not ours; None also when that is unknown."""


@dataclass(frozen=True)
class EventFact:
    """One event to publish."""

    type: Literal["Normal", "Warning"]
    reason: str
    note: str


def build(spec: OrderPipelineSpec, seen: Observed, found: Findings, now: datetime) -> Manifest:
    """The whole .status of an accepted pipeline. Fields whose value is unknown are left out."""
    scaling = found.scaling
    accepted = Condition("Accepted", "True", "Accepted", "The spec can be carried out.")
    kafka = cond.kafka_ready(spec, seen, scaling)
    producers = cond.deployment_ready("ProducersReady", names.producer(seen.name), seen, found.plan)
    consumers = cond.deployment_ready("ConsumersReady", names.consumer(seen.name), seen, found.plan)
    degraded = cond.degraded(seen, found.plan, found.failures)
    active = autoscaling_active(spec, seen, scaling, found.metrics_trouble)
    ready = cond.ready((degraded, kafka, producers, consumers))
    entries = (ready, accepted, kafka, producers, consumers, active, cond.paused(spec), degraded)
    return _without_unknown(
        {
            "conditions": cond.merged(conditions(seen.cr), entries, seen.cr["metadata"]["generation"], now),
            "observedGeneration": seen.cr["metadata"]["generation"],
            "endpoints": _endpoints(spec, seen),
            "partitions": _partitions(spec, seen, scaling),
            **_numbers(seen, scaling),
            "warnings": [*map(_contested, found.contested), *strimzi_warnings(seen)][:MAX_WARNINGS] or None,
        }
    )


def refused(seen: Observed, reason: str, message: str, scaling: Scaling | None, now: datetime) -> Manifest:
    """The status of a pipeline whose spec cannot be carried out.

    What runs is left running, and goes on being scaled by the policy that was accepted last.
    """
    entries = [
        Condition("Ready", "False", "NotAccepted", f"Accepted: {message}"),
        Condition("Accepted", "False", reason, message),
    ]
    return _without_unknown(_amended(seen, entries, now) | _numbers(seen, scaling))


def deleting(seen: Observed, waiting: str, now: datetime) -> Manifest:
    """The status of a pipeline that is going."""
    return _amended(
        seen, [Condition("Ready", "False", _DELETING, f"Waits for {waiting}." if waiting else "Nearly gone.")], now
    )


def worth_writing(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    """Whether the status changed in a way that anybody reads; a lag that only jitters does not count."""
    if old is None:
        return True
    if _steady(old) != _steady(new):
        return True
    before, after = old.get("lag") or {}, new.get("lag") or {}
    return any(moved(before.get(key), after.get(key)) for key in ("orders", "seconds"))


def transitions(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> tuple[EventFact, ...]:
    """Events for conditions that changed; a first look tells only of what is wrong."""
    before = {entry["type"]: entry for entry in old}
    events = []
    for entry in new:
        last = before.get(entry["type"])
        coming_up = entry["reason"] in _UNDERWAY and (last is None or last["status"] != "True")
        bad = _is_bad(entry) and not coming_up and entry["reason"] != _DELETING
        if last is None and not (bad and entry["type"] in {"Accepted", "Degraded"}):
            continue
        same = last is not None and last["status"] == entry["status"] and (last["reason"] == entry["reason"] or not bad)
        if not same:
            reason = entry["type"] if entry["status"] == "True" else f"Not{entry['type']}"
            events.append(EventFact("Warning" if bad else "Normal", reason, f"{entry['reason']}: {entry['message']}"))
    return tuple(events)


def decided(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> tuple[EventFact, ...]:
    """Events for decisions that the status did not have, the oldest first; a first number is no change."""
    before = ((old or {}).get("scaling") or {}).get("decisions") or []
    events = []
    for entry in (new.get("scaling") or {}).get("decisions") or ():
        previous, wanted = entry.get("previous"), entry.get("replicas")
        if entry in before or previous is None or wanted is None:
            continue
        reason = "MoreConsumers" if wanted > previous else "FewerConsumers"
        note = f"{previous} -> {wanted}: {entry.get('reason')}: {entry.get('message')}"
        events.append(EventFact("Normal", reason, note))
    return tuple(events)


def api_url(spec: OrderPipelineSpec, seen: Observed) -> str | None:
    """Where orders are sent; None before the Service is there."""
    if Ref(SERVICE, seen.namespace, names.producer(seen.name)) not in seen.children:
        return None
    return manifests.api_url(manifests.Pipeline(seen.name, seen.namespace, seen.uid, spec))


def strimzi_warnings(seen: Observed) -> list[str]:
    """Warning conditions of the Strimzi objects, each with the name of its object; sorted, so that they compare."""
    found = {
        f"{ref.kind.kind} {ref.name}: {entry.get('reason')}: {entry.get('message')}"
        for ref, manifest in seen.children.items()
        for entry in conditions(manifest)
        if entry.get("type") == "Warning"
    }
    return sorted(found)


def _contested(ref: Ref) -> str:
    return f"{ref.kind.kind} {ref.name} does not stay as applied: something in this cluster changes it"


def _amended(seen: Observed, entries: list[Condition], now: datetime) -> Manifest:
    status = dict(seen.cr.get("status") or {})
    old = conditions(seen.cr)
    changed = {entry.type for entry in entries}
    generation = seen.cr["metadata"]["generation"]
    kept = [entry for entry in old if entry["type"] not in changed]
    return {
        **status,
        "observedGeneration": generation,
        "conditions": [*cond.merged(old, entries, generation, now), *kept],
    }


def _endpoints(spec: OrderPipelineSpec, seen: Observed) -> Manifest | None:
    # Not an empty object: server-side apply turns one that had fields into null, which the schema refuses.
    return _without_unknown({"api": api_url(spec, seen), "bootstrap": bootstrap_address.known(spec, seen)}) or None


def _partitions(spec: OrderPipelineSpec, seen: Observed, scaling: Scaling | None) -> int | None:
    if scaling is not None and scaling.partitions is not None:
        return scaling.partitions
    for manifest in seen.of(TOPIC).values():
        named = manifest["spec"].get("topicName", manifest["metadata"]["name"])
        if named == spec.topic.name and is_true(manifest, "Ready"):
            return int(manifest["spec"]["partitions"])
    last: int | None = _last(seen, "partitions")
    return last


def _numbers(seen: Observed, scaling: Scaling | None) -> Manifest:
    return {
        "lag": _lag(seen, scaling),
        "consumers": _consumers(seen, scaling),
        "scaling": _scaling(scaling) or _last(seen, "scaling"),
    }


def _lag(seen: Observed, scaling: Scaling | None) -> Manifest | None:
    if scaling is None:
        last: Manifest | None = _last(seen, "lag")
        return last
    seconds = None if scaling.seconds is None else round(scaling.seconds, 1)
    return _without_unknown({"orders": scaling.orders, "seconds": seconds}) or None


def _consumers(seen: Observed, scaling: Scaling | None) -> Manifest | None:
    deployment = seen.deployment(names.consumer(seen.name))
    if deployment is None:
        return None
    status = deployment.get("status") or {}
    last = _last(seen, "consumers") or {}
    return _without_unknown(
        {
            "current": status.get("replicas") or 0,
            "ready": status.get("readyReplicas") or 0,
            "desired": scaling.desired if scaling else last.get("desired"),
            "why": (scaling.why or None) if scaling else last.get("why"),
        }
    )


def _last(seen: Observed, field: str) -> Any:
    """What the status says already, None when nothing; a fresh leader keeps it until its own first sample."""
    return (seen.cr.get("status") or {}).get(field)


def _scaling(scaling: Scaling | None) -> Manifest | None:
    if scaling is None:
        return None
    parts = {"latest": scaling.latest, "decisions": list(scaling.decisions) or None, "state": scaling.state}
    return _without_unknown(parts) or None


def _steady(status: Mapping[str, Any]) -> Manifest:
    """The status without what moves all the time."""
    scaling = {k: v for k, v in (status.get("scaling") or {}).items() if k != "state"}
    return {**{k: v for k, v in status.items() if k not in {"lag", "scaling"}}, "scaling": scaling}


def _is_bad(entry: Mapping[str, Any]) -> bool:
    if entry["type"] in _NEUTRAL:
        return False
    return bool(entry["status"] == ("True" if entry["type"] in _BAD_WHEN_TRUE else "False"))


def _without_unknown(values: Manifest) -> Manifest:
    return {key: value for key, value in values.items() if value is not None}
