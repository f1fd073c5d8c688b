"""Reconciling and Stalled: whether a change of the spec is being carried out, or cannot be, in kstatus's terms.

Helm 4 (`--wait`), Flux and kpt read them with `sigs.k8s.io/cli-utils/pkg/kstatus`, in this order: an
`observedGeneration` that is behind or Reconciling=True is in progress, Stalled=True has failed, and then Ready decides.
"""

from collections.abc import Collection, Iterator
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, KAFKA, NODE_POOL, Manifest, Ref, ref_of
from orderpipeline_operator.domain.planning.observed import Observed, condition, up_to_date
from orderpipeline_operator.domain.planning.plan import Plan
from orderpipeline_operator.domain.status.conditions import Condition

RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"


def progress(
    spec: OrderPipelineSpec,
    observed: Observed,
    plan: Plan,
    contested: Collection[Ref],
    parts: tuple[Condition, Condition],
) -> tuple[Condition, Condition]:
    """Both conditions of an accepted pipeline. `parts`: its Degraded and KafkaReady.

    Replicas that come and go with the lag are no change of the spec.
    """
    stalled = _stalled(*parts)
    if stalled.ok:
        return Condition(RECONCILING, "False", STALLED, f"Stalled: {stalled.message}"), stalled
    if spec.paused:
        return Condition(RECONCILING, "False", "Paused", "Nothing is carried out while paused is true."), stalled
    reason, message = next(_underway(observed, plan, contested), ("", ""))
    if reason:
        return Condition(RECONCILING, "True", reason, message), stalled
    return Condition(RECONCILING, "False", "UpToDate", "The latest spec is in effect."), stalled


def refused(reason: str, message: str) -> tuple[Condition, Condition]:
    """Both conditions of a pipeline whose spec cannot be carried out."""
    text = f"Accepted: {message}"
    return Condition(RECONCILING, "False", STALLED, f"Stalled: {text}"), Condition(STALLED, "True", reason, text)


def _stalled(degraded: Condition, kafka: Condition) -> Condition:
    """Only what waiting does not fix: a tool that waits gives up at once."""
    if degraded.ok:
        return Condition(STALLED, "True", degraded.reason, degraded.message)
    if kafka.status == "False" and kafka.reason.startswith("Invalid"):  # such as Strimzi's InvalidResourceException
        return Condition(STALLED, "True", kafka.reason, kafka.message)
    return Condition(STALLED, "False", "AsExpected", "Nothing is in the way of the latest spec.")


def _underway(observed: Observed, plan: Plan, contested: Collection[Ref]) -> Iterator[tuple[str, str]]:
    """Reasons and messages of what is not in effect yet."""
    if plan.waiting_for or plan.held_back:
        yield "Waiting", f"Waiting for {', '.join(dict.fromkeys((*plan.waiting_for, *plan.held_back)))}."
    for ref, manifest in observed.of(KAFKA, NODE_POOL).items():
        if not up_to_date(manifest):
            yield "KafkaChanging", f"Strimzi is still applying the latest change of {ref.kind.kind} {ref.name}."
    applied = {ref for ref in map(ref_of, plan.apply) if ref not in contested}
    for name in (names.producer(observed.name), names.consumer(observed.name)):
        ref = Ref(DEPLOYMENT, observed.namespace, name)
        deployment = observed.children.get(ref)
        if deployment is None:
            yield "Creating", f"Deployment {name} is about to be created."
        elif ref in applied or (not up_to_date(deployment) and _was_underway(observed)):
            yield "RollingOut", f"Deployment {name} has just been changed."
        elif up_to_date(deployment) and (text := _rollout(deployment)):
            yield "RollingOut", f"Deployment {name}: {text}."


def _was_underway(observed: Observed) -> bool:
    """What the condition said of this spec last; one that was not asked yet is.

    A Deployment whose controller has yet to look may have been changed by an autoscaler or by us, and the status it
    has is of the time before.
    """
    last = condition(observed.cr, RECONCILING)
    same = last is not None and last.get("observedGeneration") == observed.cr["metadata"]["generation"]
    return not same or last is None or last["status"] == "True"


def _rollout(deployment: Manifest) -> str:
    """What is left of a rollout, in words; empty when it is complete. Pods that are added by scaling do not count."""
    status = deployment.get("status") or {}
    pods, updated = status.get("replicas") or 0, status.get("updatedReplicas") or 0
    if pods > updated:
        return f"{pods - updated} of {pods} pods are of the spec before"
    progressing = condition(deployment, "Progressing")
    if progressing is not None and progressing.get("reason") != "NewReplicaSetAvailable":
        return f"{status.get('availableReplicas') or 0} of {deployment['spec'].get('replicas', 1)} pods are available"
    return ""
