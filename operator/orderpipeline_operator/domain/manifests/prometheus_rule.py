"""The PrometheusRule with a pipeline's alerts."""

from collections.abc import Callable
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import AlertsSpec
from orderpipeline_operator.domain.failover.standby import is_standby
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import PROMETHEUS_RULE, Manifest
from orderpipeline_operator.domain.manifests.alert import Alert, Samples
from orderpipeline_operator.domain.manifests.alerts_of_kafka import alerts_of_kafka
from orderpipeline_operator.domain.manifests.alerts_of_orders import alerts_of_orders
from orderpipeline_operator.domain.manifests.alerts_of_scaling import alerts_of_scaling
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest

COMPONENT: Final = "monitoring"
Group = tuple[str, Callable[[Samples, AlertsSpec], tuple[Alert, ...]]]


def prometheus_rule(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """The rule, when requested; the brokers' alerts are in it if they are ours and export metrics."""
    monitoring, kafka = pipeline.spec.monitoring, pipeline.spec.kafka
    if not monitoring.rules:
        return ()
    # A standby takes and works no orders: what waits there waits on purpose.
    groups: list[Group] = (
        [] if is_standby(pipeline.spec) else [("orders", alerts_of_orders), ("scaling", alerts_of_scaling)]
    )
    if kafka.existing is None and kafka.metrics:
        groups.append(("kafka", alerts_of_kafka))
    if not groups:
        return ()
    samples = Samples(pipeline)
    rendered = [
        {
            "name": f"{pipeline.namespace}.{pipeline.name}.{name}",
            "rules": [_rule(pipeline, alert) for alert in alerts(samples, monitoring.alerts)],
        }
        for name, alerts in groups
    ]
    name = names.prometheus_rule(pipeline.name)
    return (manifest(pipeline, PROMETHEUS_RULE, name, COMPONENT, labels=monitoring.labels, spec={"groups": rendered}),)


def _rule(pipeline: Pipeline, alert: Alert) -> Manifest:
    whole = f"Pipeline {pipeline.namespace}/{pipeline.name}"
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.wait,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": f"{whole}: {alert.summary}",
            "description": f"{whole}: {alert.description}",
            "runbook_url": f"{pipeline.spec.monitoring.runbooks.removesuffix('/')}/{alert.name}.md",
        },
    }
