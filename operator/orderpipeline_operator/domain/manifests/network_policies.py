"""NetworkPolicies: who may connect to the pods."""

from typing import Any

from orderpipeline_common.contract import API_PORT, CONSUMER_PORT
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import NETWORK_POLICY, Manifest
from orderpipeline_operator.domain.manifests import consumer, producer
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest


def network_policies(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """One open port per service, from anywhere, since it is unknown where Ingress controllers and scrapers run.

    Egress stays open, since sinks and handlers may connect anywhere.
    """
    return (
        _policy(pipeline, names.producer(pipeline.name), producer.COMPONENT, API_PORT),
        _policy(pipeline, names.consumer(pipeline.name), consumer.COMPONENT, CONSUMER_PORT),
    )


def _policy(pipeline: Pipeline, name: str, component: str, port: int) -> Manifest:
    rule: dict[str, Any] = {"ports": [{"port": port, "protocol": "TCP"}]}
    return manifest(
        pipeline,
        NETWORK_POLICY,
        name,
        component,
        spec={
            "podSelector": {"matchLabels": names.selector_labels(pipeline.name, component)},
            "policyTypes": ["Ingress"],
            "ingress": [rule],
        },
    )
