"""ProducersReady and ConsumersReady: whether a Deployment has its pods up."""

from datetime import datetime

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.planning.observed import Observed, condition, is_true
from orderpipeline_operator.domain.planning.plan import Plan
from orderpipeline_operator.domain.status.conditions import Condition, as_reason
from orderpipeline_operator.domain.units.wording import counted

CONSUMERS_READY = "ConsumersReady"


def producers_ready(observed: Observed, plan: Plan) -> Condition:
    """ProducersReady."""
    return _available("ProducersReady", names.producer(observed.name), observed, plan)


def consumers_ready(observed: Observed, plan: Plan, now: datetime) -> Condition:
    """ConsumersReady. Consumers that are being added do not count against it while those before still serve."""
    found = _available(CONSUMERS_READY, names.consumer(observed.name), observed, plan)
    if found.reason == "Starting" and _scaling_out(observed, now):
        return Condition(CONSUMERS_READY, "True", "ScalingOut", found.message)
    return found


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
    text = f"{_ready(deployment)} of {counted(want, 'pod')} {'is' if want == 1 else 'are'} ready" + (
        f" ({progress['message']})" if reason != "Starting" and progress.get("message") else ""
    )
    return Condition(type_, "False", reason, f"{text}; see: {look}{held and '.' + held}")


def _scaling_out(observed: Observed, now: datetime) -> bool:
    """Whether the pods that are not ready are additional ones, and may still come up in time.

    Kubernetes has no deadline for them: its own ends with a rollout. So it is applied here.
    """
    deployment = observed.deployment(names.consumer(observed.name))
    unavailable = condition(deployment, "Available")
    before = ((observed.cr.get("status") or {}).get("consumers") or {}).get("ready")
    if deployment is None or unavailable is None or before is None or not is_true(observed.cr, CONSUMERS_READY):
        return False
    waited = (now - datetime.fromisoformat(unavailable["lastTransitionTime"])).total_seconds()
    in_time: bool = waited <= deployment["spec"].get("progressDeadlineSeconds", 600)
    return in_time and _ready(deployment) >= before


def _ready(deployment: Manifest) -> int:
    return (deployment.get("status") or {}).get("readyReplicas") or 0
