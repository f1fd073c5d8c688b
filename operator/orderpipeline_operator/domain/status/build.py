"""The .status of a pipeline, from what was observed and found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from orderpipeline_operator.domain import manifests
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import SERVICE, TOPIC, Manifest, Ref
from orderpipeline_operator.domain.lag.sample import noticeably_changed
from orderpipeline_operator.domain.planning import bootstrap_address
from orderpipeline_operator.domain.planning.observed import Observed, Scaling, conditions, forecast_slot, is_true
from orderpipeline_operator.domain.planning.plan import Plan
from orderpipeline_operator.domain.status import conditions as cond
from orderpipeline_operator.domain.status.autoscaling_condition import autoscaling_active
from orderpipeline_operator.domain.status.conditions import DELETING, Condition
from orderpipeline_operator.domain.status.deployment_conditions import consumers_ready, pods_ready, producers_ready
from orderpipeline_operator.domain.status.disaster_recovery_condition import disaster_recovery_ready, standby_ready
from orderpipeline_operator.domain.status.monitoring_condition import monitoring_active
from orderpipeline_operator.domain.status.progress import progress, refused
from orderpipeline_operator.domain.status.refused_templates import refusal

MAX_WARNINGS: Final = 20


@dataclass(frozen=True)
class Findings:
    """What a pass learned beyond what it observed."""

    plan: Plan = field(default_factory=Plan)
    failures: tuple[str, ...] = ()
    """Writes that the API server refused, in words."""
    contested: tuple[Ref, ...] = ()
    """Objects that do not stay as they are applied."""
    scaling: Scaling | None = None
    external_metrics_problem: tuple[str, str] | None = None
    """Reason and message when external metrics are not served by this operator; None also when unknown."""


def accepted_status(spec: OrderPipelineSpec, observed: Observed, found: Findings, now: datetime) -> Manifest:
    """The whole .status of an accepted pipeline. Fields with unknown values are left out."""
    scaling = found.scaling
    accepted = Condition("Accepted", "True", "Accepted", "The spec can be carried out.")
    kafka = cond.kafka_ready(spec, observed, scaling)
    producers = producers_ready(observed, found.plan, now)
    consumers = consumers_ready(observed, found.plan, now)
    failures = (refusal(spec, observed, found.plan, each) for each in found.failures)
    degraded = cond.degraded(observed, found.plan, failures)
    active = autoscaling_active(spec, observed, scaling, found.external_metrics_problem)
    recovery = disaster_recovery_ready(spec, observed)
    # What is Unknown of the copy is no fault of this side.
    ready = cond.ready((degraded, kafka, producers, consumers, *(one for one in recovery if one.status == "False")))
    ready = standby_ready(spec, ready)
    monitored = monitoring_active(spec, observed, found.plan)
    underway = progress(spec, observed, found.plan, found.contested, (degraded, kafka))
    services = (kafka, producers, consumers, active, *monitored, *recovery)
    entries = (ready, accepted, *services, cond.paused(spec), degraded, *underway)
    return _without_unknown(
        {
            "conditions": cond.merge_conditions(
                conditions(observed.cr), entries, observed.cr["metadata"]["generation"], now
            ),
            "observedGeneration": observed.cr["metadata"]["generation"],
            "endpoints": _endpoints(spec, observed),
            "partitions": _partitions(spec, observed, scaling),
            "producers": _producers(observed),
            **_numbers(observed, scaling),
            "warnings": [*_warnings(observed, found)][:MAX_WARNINGS] or None,
        }
    )


def rejected_status(observed: Observed, reason: str, message: str, scaling: Scaling | None, now: datetime) -> Manifest:
    """The status of a pipeline whose spec cannot be carried out.

    What runs keeps running, and is still scaled by the policy that was accepted last.
    """
    entries = [
        Condition("Ready", "False", "NotAccepted", f"Accepted: {message}"),
        Condition("Accepted", "False", reason, message),
        *refused(reason, message),
    ]
    return _without_unknown(_amended(observed, entries, now) | _numbers(observed, scaling))


def deleting_status(observed: Observed, waiting: str, now: datetime) -> Manifest:
    """The status of a pipeline that is being deleted."""
    return _amended(
        observed,
        [Condition("Ready", "False", DELETING, f"Waiting for {waiting}." if waiting else "About to be removed.")],
        now,
    )


def worth_writing(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    """Whether the status changed in a way that matters to a reader; a lag that only jitters does not count.

    What the forecast learned counts once a slot, or a restart would forget it.
    """
    if old is None:
        return True
    if _steady(old) != _steady(new):
        return True
    before, after = old.get("lag") or {}, new.get("lag") or {}
    return any(noticeably_changed(before.get(key), after.get(key)) for key in ("orders", "seconds"))


def api_url(spec: OrderPipelineSpec, observed: Observed) -> str | None:
    """Where orders are sent; None until the Service exists."""
    if Ref(SERVICE, observed.namespace, names.producer(observed.name)) not in observed.children:
        return None
    return manifests.api_url(manifests.Pipeline(observed.name, observed.namespace, observed.uid, spec))


def strimzi_warnings(observed: Observed) -> list[str]:
    """Warning conditions of the Strimzi objects, each with its object's name; sorted, so that they compare."""
    found = {
        f"{ref.kind.kind} {ref.name}: {entry.get('reason')}: {entry.get('message')}"
        for ref, manifest in observed.children.items()
        for entry in conditions(manifest)
        if entry.get("type") == "Warning"
    }
    return sorted(found)


def _warnings(observed: Observed, found: Findings) -> Iterator[str]:
    yield from map(_contested, found.contested)
    for ref, manifest in observed.of(TOPIC).items():
        if manifest["spec"].get("partitions") is None:
            yield f"{ref.kind.kind} {ref.name}: spec.partitions is missing: something else has removed it"
    yield from strimzi_warnings(observed)


def _contested(ref: Ref) -> str:
    return f"{ref.kind.kind} {ref.name} does not stay as applied: something else in this cluster changes it"


def _amended(observed: Observed, entries: list[Condition], now: datetime) -> Manifest:
    status = dict(observed.cr.get("status") or {})
    old = conditions(observed.cr)
    changed = {entry.type for entry in entries}
    generation = observed.cr["metadata"]["generation"]
    kept = [entry for entry in old if entry["type"] not in changed]
    return {
        **status,
        "observedGeneration": generation,
        "conditions": [*cond.merge_conditions(old, entries, generation, now), *kept],
    }


def _endpoints(spec: OrderPipelineSpec, observed: Observed) -> Manifest | None:
    # Not an empty object: server-side apply turns one that had fields into null, which the schema refuses.
    return (
        _without_unknown({"api": api_url(spec, observed), "bootstrap": bootstrap_address.last_known(spec, observed)})
        or None
    )


def _partitions(spec: OrderPipelineSpec, observed: Observed, scaling: Scaling | None) -> int | None:
    if scaling is not None and scaling.partitions is not None:
        return scaling.partitions
    for manifest in observed.of(TOPIC).values():
        named = manifest["spec"].get("topicName", manifest["metadata"]["name"])
        partitions = manifest["spec"].get("partitions")
        if named == spec.topic.name and partitions is not None and is_true(manifest, "Ready"):
            return int(partitions)
    last: int | None = _last(observed, "partitions")
    return last


def _numbers(observed: Observed, scaling: Scaling | None) -> Manifest:
    return {
        "lag": _lag(observed, scaling),
        "consumers": _consumers(observed, scaling),
        "scaling": _scaling(scaling) or _last(observed, "scaling"),
    }


def _lag(observed: Observed, scaling: Scaling | None) -> Manifest | None:
    if scaling is None:
        last: Manifest | None = _last(observed, "lag")
        return last
    seconds = None if scaling.seconds is None else round(scaling.seconds, 1)
    return _without_unknown({"orders": scaling.orders, "seconds": seconds}) or None


def _producers(observed: Observed) -> Manifest | None:
    deployment = observed.deployment(names.producer(observed.name))
    return None if deployment is None else _pods(deployment)


def _pods(deployment: Manifest) -> Manifest:
    return {"current": (deployment.get("status") or {}).get("replicas") or 0, "ready": pods_ready(deployment)}


def _consumers(observed: Observed, scaling: Scaling | None) -> Manifest | None:
    deployment = observed.deployment(names.consumer(observed.name))
    if deployment is None:
        return None
    last = _last(observed, "consumers") or {}
    return _without_unknown(
        {
            **_pods(deployment),
            "desired": scaling.desired if scaling else last.get("desired"),
            "why": (scaling.why or None) if scaling else last.get("why"),
        }
    )


def _last(observed: Observed, field: str) -> Any:
    """What the status already says, None if nothing; a new leader keeps it until its own first sample."""
    return (observed.cr.get("status") or {}).get(field)


def _scaling(scaling: Scaling | None) -> Manifest | None:
    if scaling is None:
        return None
    parts = {"latest": scaling.latest, "decisions": list(scaling.decisions) or None, "state": scaling.state}
    return _without_unknown(parts) or None


def _steady(status: Mapping[str, Any]) -> Manifest:
    """The status without what changes all the time."""
    scaling = dict(status.get("scaling") or {})
    slot = forecast_slot(scaling.pop("state", None))
    return {**{k: v for k, v in status.items() if k not in {"lag", "scaling"}}, "scaling": scaling, "slot": slot}


def _without_unknown(values: Manifest) -> Manifest:
    return {key: value for key, value in values.items() if value is not None}
