"""ProducersReady and ConsumersReady: whether a Deployment has its pods up."""

from datetime import datetime

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.planning.observed import Observed, condition, is_true
from orderpipeline_operator.domain.planning.plan import Plan
from orderpipeline_operator.domain.status.conditions import Condition, as_reason
from orderpipeline_operator.domain.units.wording import counted


def producers_ready(observed: Observed, plan: Plan, now: datetime) -> Condition:
    """ProducersReady."""
    return _ready("ProducersReady", "producers", names.producer(observed.name), observed, plan, now)


def consumers_ready(observed: Observed, plan: Plan, now: datetime) -> Condition:
    """ConsumersReady."""
    return _ready("ConsumersReady", "consumers", names.consumer(observed.name), observed, plan, now)


def pods_ready(deployment: Manifest) -> int:
    """How many of a Deployment's pods are ready."""
    return (deployment.get("status") or {}).get("readyReplicas") or 0


def _ready(type_: str, field: str, name: str, observed: Observed, plan: Plan, now: datetime) -> Condition:
    """`field` is the one of the status that counts the pods. Pods that are being added do not count against the
    condition while those before them still serve."""
    found = _available(type_, name, observed, plan)
    before = ((observed.cr.get("status") or {}).get(field) or {}).get("ready")
    deployment = observed.deployment(name)
    if found.reason != "Starting" or deployment is None or before is None or not is_true(observed.cr, type_):
        return found
    if pods_ready(deployment) < before or _overdue(deployment, now):
        return found
    return Condition(type_, "True", "ScalingOut", found.message)


def _available(type_: str, name: str, observed: Observed, plan: Plan) -> Condition:
    deployment = observed.deployment(name)
    if deployment is None:
        for_what = ", ".join(plan.waiting_for)
        return Condition(type_, "False", "Waiting", f"Waiting for {for_what}." if for_what else "About to be created.")
    want = deployment["spec"].get("replicas", 1)
    held = f" Changes are waiting for {', '.join(plan.held_back)}." if plan.held_back else ""
    if want == 0:
        return Condition(type_, "True", "ScaledToZero", f"No pods are needed now.{held}")
    if is_true(deployment, "Available"):
        enough = "The pod is ready." if want == 1 else f"Enough of the {want} pods are ready."
        return Condition(type_, "True", "Available", f"{enough}{held}")
    progress = condition(deployment, "Progressing") or condition(deployment, "ReplicaFailure") or {}
    reason = "Starting" if progress.get("status") != "False" else as_reason(progress.get("reason") or "Failing")
    look = f"kubectl -n {observed.namespace} describe pods -l {names.PIPELINE_LABEL}={observed.name}"
    text = f"{pods_ready(deployment)} of {counted(want, 'pod')} {'is' if want == 1 else 'are'} ready" + (
        f" ({progress['message']})" if reason != "Starting" and progress.get("message") else ""
    )
    return Condition(type_, "False", reason, f"{text}; see: {look}{held and '.' + held}")


def _overdue(deployment: Manifest, now: datetime) -> bool:
    """Whether pods are missing for longer than a rollout may take: Kubernetes itself has no deadline for added pods."""
    unavailable = condition(deployment, "Available")
    if unavailable is None:
        return True
    waited = (now - datetime.fromisoformat(unavailable["lastTransitionTime"])).total_seconds()
    return bool(waited > deployment["spec"].get("progressDeadlineSeconds", 600))
