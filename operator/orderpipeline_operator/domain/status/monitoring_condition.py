"""The condition MonitoringActive: whether Prometheus has been told of the pipeline."""

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes.kinds import MONITORING_KINDS, POD_MONITOR, PROMETHEUS_RULE
from orderpipeline_operator.domain.planning.observed import Observed
from orderpipeline_operator.domain.planning.plan import Plan
from orderpipeline_operator.domain.status.conditions import Condition

_TYPE = "MonitoringActive"
_FIELDS = {POD_MONITOR: "monitoring.podMonitors", PROMETHEUS_RULE: "monitoring.rules"}


def monitoring_active(spec: OrderPipelineSpec, observed: Observed, plan: Plan) -> tuple[Condition, ...]:
    """The condition, if the spec asks for anything that Prometheus' operator acts on.

    Orders are accepted and processed without it, so Ready does not depend on it.
    """
    wanted = {POD_MONITOR: spec.monitoring.pod_monitors, PROMETHEUS_RULE: spec.monitoring.rules}
    if not any(wanted.values()):
        return ()
    missing = [kind for kind in MONITORING_KINDS if kind in plan.missing_kinds]
    if missing:
        kinds = " and ".join(f"{kind.kind} ({kind.api_version})" for kind in missing)
        fields = " and ".join(_FIELDS[kind] for kind in missing)
        return (
            Condition(
                _TYPE,
                "False",
                "KindMissing",
                f"This cluster has no {kinds}: install the Prometheus operator, or set {fields} to false.",
            ),
        )
    absent = [kind.kind for kind, asked in wanted.items() if asked and not observed.of(kind)]
    if absent:
        return (Condition(_TYPE, "False", "Waiting", f"{' and '.join(absent)}: about to be created."),)
    made = ", ".join(f"{ref.kind.kind} {ref.name}" for ref in observed.of(*MONITORING_KINDS))
    return (Condition(_TYPE, "True", "Applied", f"Prometheus can use {made}."),)
