"""DisasterRecoveryReady: whether the copy in the second cluster is kept, and what a switch still waits for."""

from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.failover.standby import fenced, is_standby
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import MIRROR
from orderpipeline_operator.domain.planning.observed import Observed, condition, is_true
from orderpipeline_operator.domain.status.conditions import Condition, as_reason

TYPE: Final = "DisasterRecoveryReady"
CLOSED: Final = "No orders are taken or worked here"


def disaster_recovery_ready(spec: OrderPipelineSpec, observed: Observed) -> tuple[Condition, ...]:
    """The condition, if the spec asks for disaster recovery.

    It is Unknown where all that is known is that MirrorMaker 2 runs: it does so too when its source is gone.
    """
    if is_standby(spec):
        return (_standby(spec, observed),)
    if fenced(spec, mirroring=observed.mirroring):
        return (_switching(observed),)
    if spec.disaster_recovery is None:
        return ()
    text = "The standby has the copy: see DisasterRecoveryReady of the pipeline there."
    return (Condition(TYPE, "Unknown", "SeeStandby", text),)


def standby_ready(spec: OrderPipelineSpec, whole: Condition) -> Condition:
    """Ready of a pipeline all of whose parts are as they should be, in a standby's words."""
    if not whole.ok or not is_standby(spec):
        return whole
    return Condition(whole.type, "True", "Standby", f"Orders of the peer are copied. {CLOSED}.")


def _standby(spec: OrderPipelineSpec, observed: Observed) -> Condition:
    name = names.mirror(observed.name)
    peer = spec.disaster_recovery.peer if spec.disaster_recovery else None
    where = peer.bootstrap_servers if peer else ""
    if MIRROR in observed.missing_kinds:
        text = "This cluster does not know the kind KafkaMirrorMaker2: install Strimzi 1.0 or newer."
        return Condition(TYPE, "False", "StrimziMissing", text)
    mirror = observed.child(MIRROR, name)
    if mirror is None:
        return Condition(TYPE, "False", "Waiting", "The KafkaMirrorMaker2 is created once topics and users are ready.")
    failing = condition(mirror, "NotReady")
    if failing is not None:
        text = f"Strimzi reports for KafkaMirrorMaker2 {name}: {failing.get('message') or 'no message'}"
        return Condition(TYPE, "False", as_reason(failing.get("reason") or "NotReady"), text)
    if not is_true(mirror, "Ready"):
        text = f"Strimzi has not reported on KafkaMirrorMaker2 {name} yet; it takes a minute."
        return Condition(TYPE, "False", "Pending", text)
    text = f"MirrorMaker 2 runs. That does not tell how far behind {where} the copy is: compare the topics' ends."
    return Condition(TYPE, "Unknown", "LagNotMeasured", text)


def _switching(observed: Observed) -> Condition:
    left = [f"{ref.kind.kind} {ref.name}" for ref in observed.of(MIRROR)]
    left += [f"Pod {name}" for name in observed.mirror_pods]
    text = (
        f"{CLOSED} until the mirror is gone: {', '.join(left)}. If a pod's node is lost, make sure that it is"
        " switched off, then delete the pod with --force."
    )
    return Condition(TYPE, "False", "Switching", text)
