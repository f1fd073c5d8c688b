"""One function per condition of the OrderPipeline: status, reason, and a message that says what to do."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import (
    DEPLOYMENT,
    KAFKA,
    MONITORING_KINDS,
    NODE_POOL,
    TOPIC,
    USER,
    Manifest,
    Ref,
)
from orderpipeline_operator.domain.planning.observed import Observed, Scaling, condition, is_true, up_to_date
from orderpipeline_operator.domain.planning.plan import Plan

Verdict = Literal["True", "False", "Unknown"]
DELETING: Final = "Deleting"
"""Reason of Ready while the pipeline is being deleted."""
BAD_WHEN_TRUE: Final = frozenset({"Degraded", "Stalled"})
"""Conditions that are bad news when they are True; most others are when they are False."""


@dataclass(frozen=True)
class Condition:
    """A condition before it has a time."""

    type: str
    status: Verdict
    reason: str
    message: str

    @property
    def ok(self) -> bool:
        """Whether it is True."""
        return self.status == "True"


def kafka_ready(spec: OrderPipelineSpec, observed: Observed, scaling: Scaling | None) -> Condition:
    """KafkaReady: what Strimzi reports for its Kafka, or what the sampler gets from an existing one."""
    if spec.kafka.existing is not None:
        return _existing_ready(spec.kafka.existing.bootstrap_servers, observed, scaling)
    if KAFKA in observed.missing_kinds:
        return Condition(
            "KafkaReady",
            "False",
            "StrimziMissing",
            "This cluster does not know the kind Kafka: install Strimzi 1.0 or newer.",
        )
    kafka = observed.kafka
    if Ref(KAFKA, observed.namespace, names.kafka(observed.name)) in observed.foreign_objects:
        return Condition(
            "KafkaReady", "False", "NotOwned", f"Kafka {names.kafka(observed.name)} is not owned by this pipeline."
        )
    if kafka is None:
        return Condition("KafkaReady", "False", "Creating", "The Kafka resource is about to be created.")
    if is_true(kafka, "Ready"):
        return Condition("KafkaReady", "True", "Ready", f"Kafka {observed.name} is ready.{_being_applied(observed)}")
    failing = condition(kafka, "NotReady") or condition(kafka, "ReconciliationPaused")
    if failing:
        text = failing.get("message") or "no message"
        return Condition(
            "KafkaReady",
            "False",
            as_reason(failing.get("reason") or failing["type"]),
            f"Strimzi reports for Kafka {observed.name}: {text}",
        )
    text = (
        f"Strimzi has not reported on Kafka {observed.name} yet; "
        f"check that it is running and watches namespace {observed.namespace}."
    )
    return Condition("KafkaReady", "False", "Pending", text)


def _being_applied(observed: Observed) -> str:
    """What Strimzi has not finished: it records a generation at the end of a roll, for each pool and for the Kafka.

    A roll without a change of theirs, such as for a renewed CA, shows in the StrimziPodSets only.
    """
    changing = [ref for ref, manifest in observed.of(KAFKA, NODE_POOL).items() if not up_to_date(manifest)]
    names_of = ", ".join(f"{ref.kind.kind} {ref.name}" for ref in changing)
    text = f" Strimzi is still applying the latest change of {names_of}." if changing else ""
    rolls = [roll for pod_set in observed.pod_sets if (roll := _roll(pod_set))]
    return text + (f" Its pods roll: {', '.join(rolls)}." if rolls else "")


def _roll(pod_set: Manifest) -> str:
    """How far the roll of a pool's pods is; empty when there is none."""
    status, name = pod_set.get("status") or {}, pod_set["metadata"]["name"]
    pods, current, ready = (status.get(key, 0) for key in ("pods", "currentPods", "readyPods"))
    if current < pods:
        return f"{current} of {pods} of StrimziPodSet {name} are up to date"
    if ready < pods:
        return f"{ready} of {pods} of StrimziPodSet {name} are ready"
    return ""


def _existing_ready(bootstrap: str, observed: Observed, scaling: Scaling | None) -> Condition:
    last = condition(observed.cr, "KafkaReady")
    if scaling is None and last is not None:
        # A new leader has not asked yet; the last answer holds until it has.
        return Condition("KafkaReady", last["status"], last["reason"], last["message"])
    if scaling is None or (scaling.orders is None and not scaling.error):
        return Condition("KafkaReady", "Unknown", "NotSampled", f"{bootstrap} has not been contacted yet.")
    if scaling.error:
        return Condition("KafkaReady", "False", "Unreachable", f"{bootstrap}: {scaling.error}")
    return Condition("KafkaReady", "True", "Existing", f"{bootstrap} responds.")


def entity_problem(observed: Observed) -> tuple[str, str] | None:
    """Reason and message of the first topic or user that Strimzi reports as failing; a new one does not count."""
    for ref, manifest in observed.of(TOPIC, USER).items():
        failing = condition(manifest, "NotReady")
        ready = condition(manifest, "Ready")
        if failing is None and ready is not None and ready.get("status") == "False":
            failing = ready
        if failing is not None:
            kind = ref.kind.kind
            return (
                f"{kind}NotReady",
                f"Strimzi reports for {kind} {ref.name}: {failing.get('reason')}: {failing.get('message')}",
            )
    return None


def degraded(observed: Observed, plan: Plan, failures: Iterable[tuple[str, str]]) -> Condition:
    """Degraded: something is wrong that waiting does not fix. `failures`: reason and message of refused writes."""
    found: list[tuple[str, str]] = []
    if plan.foreign:
        be, was, it = ("is", "was", "it") if len(plan.foreign) == 1 else ("are", "were", "them")
        taken = ", ".join(f"{ref.kind.kind} {ref.name}" for ref in plan.foreign)
        found.append(
            (
                "NotOwned",
                f"{taken} {be} not owned by this pipeline and {was} left alone; "
                f"delete {it} or choose another name for the pipeline.",
            )
        )
    found += failures
    for kind in (kind for kind in plan.missing_kinds if kind not in MONITORING_KINDS):
        found.append(
            (
                "KindMissing",
                f"This cluster has no {kind.kind} ({kind.api_version}): install its CRD or unset the field for it.",
            )
        )
    found += (problem for problem in (entity_problem(observed), *_rollout_problems(observed)) if problem)
    if not found:
        return Condition("Degraded", "False", "AsExpected", "Nothing needs attention.")
    return Condition("Degraded", "True", found[0][0], " ".join(_sentence(text) for _, text in found))


def _rollout_problems(observed: Observed) -> Iterator[tuple[str, str]]:
    """Deployments whose new pods do not start or may not be created, even while the old pods keep running."""
    for ref, deployment in observed.of(DEPLOYMENT).items():
        progress, refused = condition(deployment, "Progressing"), is_true(deployment, "ReplicaFailure")
        failing = condition(deployment, "ReplicaFailure") if refused else progress
        if failing and (refused or failing.get("status") == "False") and up_to_date(deployment):
            reason = failing.get("reason") or failing["type"]
            yield as_reason(reason), f"Deployment {ref.name}: {failing.get('message') or reason}"


def paused(spec: OrderPipelineSpec) -> Condition:
    """Paused: whether the operator leaves everything alone."""
    if spec.paused:
        return Condition(
            "Paused", "True", "Paused", "paused is true: only this status is written; set it to false to resume."
        )
    return Condition("Paused", "False", "Running", "Changes to the spec are carried out.")


def ready(parts: Iterable[Condition]) -> Condition:
    """Ready: the first part that is not as it should be, or True. Degraded counts when it is True."""
    for part in parts:
        if part.type == "Degraded":
            if part.ok:
                return Condition("Ready", "False", part.reason, part.message)
        elif not part.ok:
            return Condition("Ready", "False", part.reason, f"{part.type}: {part.message}")
    return Condition("Ready", "True", "Ready", "Orders are accepted and processed.")


def merge_conditions(
    old: Iterable[Manifest], new: Iterable[Condition], generation: int, now: datetime
) -> list[Manifest]:
    """Conditions as they are written: the time changes only with the status."""
    before = {entry["type"]: entry for entry in old}
    result = []
    for entry in new:
        last = before.get(entry.type)
        same = last is not None and last.get("status") == entry.status
        result.append(
            {
                "type": entry.type,
                "status": entry.status,
                "observedGeneration": generation,
                "lastTransitionTime": last["lastTransitionTime"]
                if last and same
                else now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "reason": entry.reason,
                "message": entry.message[:32000],
            }
        )
    return result


def known_conditions(status: Mapping[str, Any]) -> dict[str, bool]:
    """Whether each condition of a status holds; those that are Unknown are left out."""
    entries = status.get("conditions") or ()
    return {entry["type"]: entry["status"] == "True" for entry in entries if entry["status"] != "Unknown"}


def as_reason(text: str) -> str:
    """A reason that Kubernetes accepts: letters and digits, beginning with a letter."""
    kept = "".join(c for c in text if c.isalnum())
    return kept if kept[:1].isalpha() else "Unknown"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!")) else text + "."
