"""The Service of the order API."""

from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import GROUP
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import SERVICE, Manifest
from orderpipeline_operator.domain.manifests import producer
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest

SERVICE_PORT = 80
NO_POD: Final = {f"{GROUP}/fenced": "true"}
"""A label that no pod has."""


def service(pipeline: Pipeline, *, closed: bool = False) -> Manifest:
    """The order API inside the Kubernetes cluster. Closed it has no endpoints, while the pods stay up and connected:
    it opens, and an Ingress finds the pods, with one write."""
    return manifest(
        pipeline,
        SERVICE,
        names.producer(pipeline.name),
        producer.COMPONENT,
        spec={
            "type": "ClusterIP",
            "selector": names.selector_labels(pipeline.name, producer.COMPONENT) | (NO_POD if closed else {}),
            "ports": [
                {
                    "name": producer.PORT_NAME,
                    "port": SERVICE_PORT,
                    "targetPort": producer.PORT_NAME,
                    "protocol": "TCP",
                    "appProtocol": "http",
                }
            ],
        },
    )
