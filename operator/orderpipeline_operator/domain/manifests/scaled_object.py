"""The ScaledObject that has KEDA turn the operator's decision into pods, by an HPA of its own."""

from typing import Final

from orderpipeline_operator.domain.api.v1alpha1.bounds import consumer_bounds
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.manifests.consumer import COMPONENT
from orderpipeline_operator.domain.manifests.horizontal_pod_autoscaler import behavior
from orderpipeline_operator.domain.manifests.pipeline import Context, Manifest, Pipeline, manifest
from orderpipeline_operator.domain.units.durations import seconds

DESIRED_FIELD: Final = "desired"
"""Field of the operator's answer that holds the number."""
_EXCLUDED: Final = "scaledobject.keda.sh/hpa-excluded-labels"


def scaled_object(pipeline: Pipeline, context: Context) -> tuple[Manifest, ...]:
    """The ScaledObject in mode Auto, backend KEDA. Its one trigger asks the operator for the number.

    There is no fallback: an answer that cannot be had is an error to KEDA, upon which it and its HPA hold. A fallback
    would replace the number that holds by one that was guessed here, and one of 0 replicas would stop all consumers.
    """
    scaling = pipeline.spec.autoscaling
    if scaling.mode != "Auto" or scaling.backend != "KEDA":
        return ()
    bounds = consumer_bounds(pipeline.spec)
    name = names.consumer(pipeline.name)
    return (
        manifest(
            pipeline,
            "keda.sh/v1alpha1",
            "ScaledObject",
            name,
            COMPONENT,
            # KEDA copies our labels to its HPA, and those of them by which we know what is ours should not go along.
            annotations={_EXCLUDED: f"{names.MANAGED_BY_LABEL},{names.PIPELINE_LABEL}"},
            spec={
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                # KEDA itself looks this often, and only to wake and to stop; its HPA asks for every step.
                "pollingInterval": max(round(seconds(scaling.poll_interval)), 1),
                "cooldownPeriod": 0,  # idleAfter was the wait
                # While there are to be consumers KEDA must not be able to stop them all: when an answer can't be had,
                # it may take a trigger for idle instead of unknown, if its HPA asks at the same moment.
                "minReplicaCount": bounds.minimum if context.no_consumers else max(bounds.minimum, 1),
                "maxReplicaCount": bounds.maximum,
                "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior(bounds.maximum)}},
                "triggers": [
                    {
                        "type": "metrics-api",
                        "metricType": "AverageValue",
                        "metadata": {
                            "url": desired_url(context.scaling_url, pipeline.namespace, pipeline.name),
                            "format": "json",
                            "valueLocation": DESIRED_FIELD,
                            "targetValue": "1",
                            "activationTargetValue": "0",
                        },
                    }
                ],
            },
        ),
    )


def desired_url(base: str, namespace: str, name: str) -> str:
    """Where the operator answers how many consumers a pipeline should have; also a route's pattern with braces."""
    return f"{base}/scaling/{namespace}/{name}"
