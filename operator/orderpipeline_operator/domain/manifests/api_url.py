"""The address at which clients reach the order API."""

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.manifests.pipeline import Pipeline
from orderpipeline_operator.domain.manifests.service import SERVICE_PORT


def api_url(pipeline: Pipeline) -> str:
    """Where clients reach the order API: the Ingress, else the HTTPRoute's first host, else inside the cluster."""
    producer = pipeline.spec.producer
    if producer.ingress is not None:
        return f"{'https' if producer.ingress.tls else 'http'}://{producer.ingress.host}"
    if producer.http_route is not None:
        return f"http://{producer.http_route.hostnames[0]}"
    return f"http://{names.producer(pipeline.name)}.{pipeline.namespace}.svc:{SERVICE_PORT}"
