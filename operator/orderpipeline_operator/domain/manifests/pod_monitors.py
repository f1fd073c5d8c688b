"""The PodMonitors by which the Prometheus operator's Prometheus scrapes a pipeline's pods."""

from collections.abc import Mapping
from typing import Final

from orderpipeline_common.contract import METRICS_PATH
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import POD_MONITOR, Manifest
from orderpipeline_operator.domain.manifests import consumer, producer
from orderpipeline_operator.domain.manifests.kafka import COMPONENT as KAFKA
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest

BROKER_PORT: Final = "tcp-prometheus"
"""Strimzi's name for the port of a node's metrics."""
PIPELINE_LABEL: Final = "pipeline"
"""Added to every sample; the operator's own have it anyway."""


def pod_monitors(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """One for the order API, one for the consumers, and one for Kafka's nodes if they export metrics."""
    if not pipeline.spec.monitoring.pod_monitors:
        return ()
    name, spec = pipeline.name, pipeline.spec.kafka
    made = [
        _monitor(pipeline, component, names.selector_labels(name, component), port)
        for component, port in ((producer.COMPONENT, producer.PORT_NAME), (consumer.COMPONENT, consumer.PORT_NAME))
    ]
    if spec.existing is None and spec.metrics:
        made.append(_monitor(pipeline, KAFKA, names.kafka_node_labels(name), BROKER_PORT))
    return tuple(made)


def _monitor(pipeline: Pipeline, component: str, selector: Mapping[str, str], port: str) -> Manifest:
    monitoring = pipeline.spec.monitoring
    endpoint = {
        "port": port,
        "path": METRICS_PATH,
        "interval": monitoring.interval,
        "relabelings": [{"action": "replace", "targetLabel": PIPELINE_LABEL, "replacement": pipeline.name}],
    }
    return manifest(
        pipeline,
        POD_MONITOR,
        names.pod_monitor(pipeline.name, component),
        component,
        labels=monitoring.labels,
        spec={"selector": {"matchLabels": dict(selector)}, "podMetricsEndpoints": [endpoint]},
    )
