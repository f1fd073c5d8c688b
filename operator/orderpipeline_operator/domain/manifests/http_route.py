"""The HTTPRoute of the Gateway API: access from outside, as an alternative to the Ingress."""

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import HTTP_ROUTE, Manifest
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest, present
from orderpipeline_operator.domain.manifests.producer import COMPONENT
from orderpipeline_operator.domain.manifests.service import SERVICE_PORT


def http_route(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """The Gateway API's HTTPRoute, when requested."""
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
            HTTP_ROUTE,
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
