"""The HorizontalPodAutoscaler that turns the operator's decision into pods."""

from typing import Any, Final

from orderpipeline_common.contract import Metric
from orderpipeline_operator.domain.api.v1alpha1.bounds import consumer_bounds
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import HPA, Manifest
from orderpipeline_operator.domain.manifests.consumer import COMPONENT
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest

_AT_ONCE: Final = {
    "selectPolicy": "Max",
    "stabilizationWindowSeconds": 0,
    "tolerance": "0",
}
"""The metric is a decision, already smoothed and stabilized. The HPA's own damping would only distort it: its default
tolerance of 10 % would ignore a step from 10 to 11."""


def horizontal_pod_autoscaler(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """The HPA in mode Auto, backend ExternalMetrics. It follows the metric of desired consumers one to one.

    It never goes below 1, because an HPA at 0 is off; the operator itself takes the step between 0 and 1.
    """
    scaling = pipeline.spec.autoscaling
    if scaling.mode != "Auto" or scaling.backend != "ExternalMetrics":
        return ()
    bounds = consumer_bounds(pipeline.spec)
    name = names.consumer(pipeline.name)
    metric = {
        "name": Metric.DESIRED_CONSUMERS,
        "selector": {"matchLabels": {names.PIPELINE_LABEL: pipeline.name}},
    }
    return (
        manifest(
            pipeline,
            HPA,
            name,
            COMPONENT,
            spec={
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                "minReplicas": max(bounds.minimum, 1),
                "maxReplicas": bounds.maximum,
                "metrics": [
                    {
                        "type": "External",
                        "external": {"metric": metric, "target": {"type": "AverageValue", "averageValue": "1"}},
                    }
                ],
                "behavior": behavior(bounds.maximum),
            },
        ),
    )


def behavior(maximum: int) -> Manifest:
    """An HPA behavior that follows every step of the operator at once, up to `maximum` consumers."""
    return {"scaleUp": _any_step("Pods", maximum), "scaleDown": _any_step("Percent", 100)}


def _any_step(kind: str, value: int) -> dict[str, Any]:
    return {**_AT_ONCE, "policies": [{"type": kind, "value": value, "periodSeconds": 1}]}
