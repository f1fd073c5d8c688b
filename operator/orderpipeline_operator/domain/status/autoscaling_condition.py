"""AutoscalingActive: whether the number of consumers follows the lag, and if not, what to do about it."""

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.failover.standby import fenced
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import SCALED_OBJECT
from orderpipeline_operator.domain.planning.observed import Observed, Scaling, condition, is_true
from orderpipeline_operator.domain.status.conditions import Condition, as_reason

TYPE = "AutoscalingActive"


def autoscaling_active(
    spec: OrderPipelineSpec,
    observed: Observed,
    scaling: Scaling | None,
    external_metrics_problem: tuple[str, str] | None = None,
) -> Condition:
    """The condition. `external_metrics_problem`: reason and message when external metrics are not ours."""
    if fenced(spec, mirroring=observed.mirroring):
        return Condition(TYPE, "False", "Standby", "No consumers run here while orders are only copied.")
    mode, backend = spec.autoscaling.mode, spec.autoscaling.backend
    if mode == "Off":
        kept = "the number of consumers" if spec.autoscaling.replicas is None else "autoscaling.replicas"
        return Condition(TYPE, "False", "Off", f"autoscaling.mode is Off: {kept} is left as it is.")
    if mode == "Recommend":
        return Condition(
            TYPE, "False", "Recommend", "autoscaling.mode is Recommend: decisions are published, not carried out."
        )
    if backend == "KEDA" and SCALED_OBJECT in observed.missing_kinds:
        return Condition(TYPE, "False", "KEDAMissing", _no_keda(observed))
    if external_metrics_problem is not None and backend == "ExternalMetrics":
        return Condition(TYPE, "False", *external_metrics_problem)
    if scaling is not None and scaling.error:
        text = f"The number of consumers is held because the lag cannot be read: {scaling.error}"
        return Condition(TYPE, "False", "LagUnknown", text)
    return {"ExternalMetrics": _by_hpa, "KEDA": _by_keda, "Direct": _directly}[backend](spec, observed, scaling)


def _by_hpa(spec: OrderPipelineSpec, observed: Observed, _: Scaling | None) -> Condition:
    hpa = observed.hpa(names.consumer(observed.name))
    if hpa is None:
        return Condition(
            TYPE, "False", "Waiting", "The HorizontalPodAutoscaler is created together with the consumers."
        )
    active = condition(hpa, "ScalingActive")
    if active is None:
        return Condition(TYPE, "Unknown", "Pending", "The HorizontalPodAutoscaler has not reported yet.")
    if active["status"] == "True":
        return _following()
    if active.get("reason") == "ScalingDisabled":
        return _asleep(spec)
    text = f"The HorizontalPodAutoscaler reports: {active.get('message')}"
    return Condition(TYPE, "False", as_reason(active.get("reason") or "Failing"), text)


def _by_keda(spec: OrderPipelineSpec, observed: Observed, _: Scaling | None) -> Condition:
    found = observed.scaled_object(names.consumer(observed.name))
    if found is None:
        return Condition(TYPE, "False", "Waiting", "The ScaledObject is created together with the consumers.")
    ready, hpa = condition(found, "Ready"), condition(found, "HPAActive")
    if is_true(found, "Paused"):
        text = f"ScaledObject {observed.namespace}/{names.consumer(observed.name)} is paused: remove KEDA's annotation."
        return Condition(TYPE, "False", "KEDAPaused", text)
    if ready is None or ready.get("status") == "Unknown":
        text = (
            f"KEDA has not reported yet: check that its operator is running and watches namespace {observed.namespace}."
        )
        return Condition(TYPE, "Unknown", "Pending", text)
    for entry in (ready, hpa):
        if entry is not None and entry.get("status") == "False":
            text = f"KEDA reports: {entry.get('message')}; the number of consumers is held."
            return Condition(TYPE, "False", as_reason(entry.get("reason") or "Failing"), text)
    return _asleep(spec) if _none_wanted(observed) and not is_true(found, "Active") else _following()


def _directly(spec: OrderPipelineSpec, observed: Observed, scaling: Scaling | None) -> Condition:
    if observed.deployment(names.consumer(observed.name)) is None:
        return Condition(TYPE, "False", "Waiting", "The consumers do not exist yet.")
    if spec.paused:
        return Condition(TYPE, "False", "Paused", "The operator scales nothing while paused is true.")
    if scaling is None or scaling.desired is None:
        return Condition(TYPE, "Unknown", "Pending", "Nothing has been decided yet: the lag has not been read.")
    return _asleep(spec) if _none_wanted(observed) else _following()


def _following() -> Condition:
    return Condition(TYPE, "True", "Following", "The number of consumers follows the lag.")


def _asleep(spec: OrderPipelineSpec) -> Condition:
    if spec.paused and spec.autoscaling.backend != "KEDA":
        return Condition(TYPE, "False", "Paused", "Nothing starts the consumers while paused is true.")
    return Condition(TYPE, "True", "ScaledToZero", "Consumers start when orders arrive.")


def _none_wanted(observed: Observed) -> bool:
    deployment = observed.deployment(names.consumer(observed.name))
    return deployment is not None and deployment["spec"].get("replicas", 1) == 0


def _no_keda(observed: Observed) -> str:
    held = "the HPA continues" if observed.hpa(names.consumer(observed.name)) else "the number of consumers is held"
    return (
        "This cluster has no ScaledObject (keda.sh/v1alpha1): install KEDA, or set autoscaling.backend to "
        f"ExternalMetrics or Direct. Until then {held}."
    )
