"""The ways in from outside: Ingress, HTTPRoute, and the address that clients use."""

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.manifests.model import Manifest, Pipeline, manifest, present
from orderpipeline_operator.domain.manifests.network import SERVICE_PORT
from orderpipeline_operator.domain.manifests.producer import COMPONENT, PORT_NAME


def ingress(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """The Ingress, when asked for."""
    wanted = pipeline.spec.producer.ingress
    if wanted is None:
        return ()
    name = names.producer(pipeline.name)
    backend = {"service": {"name": name, "port": {"name": PORT_NAME}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    tls = [{"hosts": [wanted.host], "secretName": wanted.tls.secret_name}] if wanted.tls else None
    return (
        manifest(
            pipeline,
            "networking.k8s.io/v1",
            "Ingress",
            name,
            COMPONENT,
            annotations=dict(sorted(wanted.annotations.items())),
            spec=present(
                ingressClassName=wanted.class_name,
                rules=[{"host": wanted.host, "http": {"paths": paths}}],
                tls=tls,
            ),
        ),
    )


def http_route(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """The Gateway API's HTTPRoute, when asked for."""
    wanted = pipeline.spec.producer.http_route
    if wanted is None:
        return ()
    name = names.producer(pipeline.name)
    parents = [
        present(name=parent.name, namespace=parent.namespace, sectionName=parent.section_name)
        for parent in wanted.parent_refs
    ]
    return (
        manifest(
            pipeline,
            "gateway.networking.k8s.io/v1",
            "HTTPRoute",
            name,
            COMPONENT,
            spec={
                "parentRefs": parents,
                "hostnames": list(wanted.hostnames),
                "rules": [
                    {
                        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                        "backendRefs": [{"name": name, "port": SERVICE_PORT}],
                    }
                ],
            },
        ),
    )


def api_url(pipeline: Pipeline) -> str:
    """Where clients reach the order API: the Ingress, else the HTTPRoute's first host, else inside the cluster."""
    producer = pipeline.spec.producer
    if producer.ingress is not None:
        return f"{'https' if producer.ingress.tls else 'http'}://{producer.ingress.host}"
    if producer.http_route is not None:
        return f"http://{producer.http_route.hostnames[0]}"
    return f"http://{names.producer(pipeline.name)}.{pipeline.namespace}.svc:{SERVICE_PORT}"
