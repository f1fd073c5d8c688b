"""The ScaledObject with which KEDA turns the operator's decision into pods, through its own HPA."""

from typing import Final

from orderpipeline_operator.domain.api.v1alpha1.bounds import consumer_bounds
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import SCALED_OBJECT, Manifest
from orderpipeline_operator.domain.manifests.consumer import COMPONENT
from orderpipeline_operator.domain.manifests.horizontal_pod_autoscaler import behavior
from orderpipeline_operator.domain.manifests.pipeline import Context, Pipeline, manifest
from orderpipeline_operator.domain.manifests.scaling_key import HEADER, scaling_key
from orderpipeline_operator.domain.units.durations import seconds

DESIRED_FIELD: Final = "desired"
"""Field of the operator's answer that holds the number."""
_EXCLUDED: Final = "scaledobject.keda.sh/hpa-excluded-labels"


def scaled_object(pipeline: Pipeline, context: Context) -> tuple[Manifest, ...]:
    """The ScaledObject in mode Auto, backend KEDA. Its one trigger asks the operator for the number.

    There is no fallback: without an answer KEDA and its HPA hold. A fallback would replace the current number with one
    guessed here, and a fallback of 0 replicas would stop all consumers.
    """
    scaling = pipeline.spec.autoscaling
    if scaling.mode != "Auto" or scaling.backend != "KEDA":
        return ()
    bounds = consumer_bounds(pipeline.spec)
    name = names.consumer(pipeline.name)
    return (
        manifest(
            pipeline,
            SCALED_OBJECT,
            name,
            COMPONENT,
            # KEDA copies our labels to its HPA, but not those by which the operator recognizes its own objects.
            annotations={_EXCLUDED: f"{names.MANAGED_BY_LABEL},{names.PIPELINE_LABEL}"},
            spec={
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
                # KEDA itself polls this often, but only to start and to stop; its HPA asks for every step.
                "pollingInterval": max(round(seconds(scaling.poll_interval)), 1),
                "cooldownPeriod": 0,  # idleAfter was the delay
                # While there should be consumers, KEDA must not be able to stop them all: without an answer it may
                # take a trigger for idle instead of unknown, if its HPA asks at the same moment.
                "minReplicaCount": bounds.minimum if context.no_consumers else max(bounds.minimum, 1),
                "maxReplicaCount": bounds.maximum,
                "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior(bounds.maximum)}},
                "triggers": [
                    {
                        "type": "metrics-api",
                        "metricType": "AverageValue",
                        "metadata": {
                            "url": desired_url(context.scaling_url, pipeline.namespace, pipeline.name),
                            "authMode": "apiKey",
                            "method": "header",
                            "keyParamName": HEADER,
                            "apiKey": scaling_key(context.scaling_secret, pipeline.namespace, pipeline.name),
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
    """Where the operator answers how many consumers a pipeline should have; with braces, the route's pattern."""
    return f"{base}/scaling/{namespace}/{name}"
