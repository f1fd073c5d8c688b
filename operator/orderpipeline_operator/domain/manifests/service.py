"""The Service of the order API."""

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import SERVICE, Manifest
from orderpipeline_operator.domain.manifests import producer
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest

SERVICE_PORT = 80


def service(pipeline: Pipeline) -> Manifest:
    """The order API inside the Kubernetes cluster."""
    return manifest(
        pipeline,
        SERVICE,
        names.producer(pipeline.name),
        producer.COMPONENT,
        spec={
            "type": "ClusterIP",
            "selector": names.selector_labels(pipeline.name, producer.COMPONENT),
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
