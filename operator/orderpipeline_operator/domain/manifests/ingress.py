"""The Ingress: access from outside the Kubernetes cluster."""

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import INGRESS, Manifest
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest, present
from orderpipeline_operator.domain.manifests.producer import COMPONENT, PORT_NAME


def ingress(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """The Ingress, when requested."""
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
            INGRESS,
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
