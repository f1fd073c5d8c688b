"""Pure builders, one file per kind of thing: spec in, manifests out."""

from orderpipeline_operator.domain.manifests import consumer, producer
from orderpipeline_operator.domain.manifests.access import Access, SecretRef, access
from orderpipeline_operator.domain.manifests.autoscaling import autoscaler
from orderpipeline_operator.domain.manifests.disruption import budgets
from orderpipeline_operator.domain.manifests.ingress import api_url, http_route, ingress
from orderpipeline_operator.domain.manifests.kafka import kafka, rebalance_template
from orderpipeline_operator.domain.manifests.keda import scaled_object
from orderpipeline_operator.domain.manifests.model import Bundle, Context, Manifest, Pipeline, Stage
from orderpipeline_operator.domain.manifests.network import network_policies, service
from orderpipeline_operator.domain.manifests.pools import pools
from orderpipeline_operator.domain.manifests.topics import topics
from orderpipeline_operator.domain.manifests.users import users

__all__ = ["Access", "Bundle", "Context", "Manifest", "Pipeline", "SecretRef", "Stage", "access", "api_url", "render"]


def render(pipeline: Pipeline, context: Context) -> Bundle:
    """All manifests of a pipeline, in the order in which they come up. Equal arguments give equal bundles.

    The stages are kafka, entities and workloads; the first two are empty with kafka.existing.
    """
    managed = pipeline.spec.kafka.existing is None
    return Bundle(
        (
            Stage("kafka", _kafka(pipeline) if managed else ()),
            Stage("entities", (*topics(pipeline), *users(pipeline)) if managed else ()),
            Stage("workloads", _workloads(pipeline, context)),
        )
    )


def _kafka(pipeline: Pipeline) -> tuple[Manifest, ...]:
    # Pools come first: a Kafka without pools is an error to Strimzi, pools without a Kafka just wait.
    return (*rebalance_template(pipeline), *pools(pipeline), kafka(pipeline))


def _workloads(pipeline: Pipeline, context: Context) -> tuple[Manifest, ...]:
    return (
        producer.service_account(pipeline),
        consumer.service_account(pipeline),
        *network_policies(pipeline),
        producer.deployment(pipeline, context),
        consumer.deployment(pipeline, context),
        *budgets(pipeline),
        service(pipeline),
        *ingress(pipeline),
        *http_route(pipeline),
        *autoscaler(pipeline),
        *scaled_object(pipeline, context),
    )
