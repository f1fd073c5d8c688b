"""Pure builders: spec in, manifests out; one file per kind of object.

A new kind of object is one file here, its line in `render`, its Kind in kubernetes/kinds.py (CHILD_KINDS), and the
rights to it in the chart's _rules.tpl.
"""

from dataclasses import replace

from orderpipeline_operator.domain.failover.standby import fenced, without_consumers
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.manifests import consumer, producer
from orderpipeline_operator.domain.manifests.api_url import api_url
from orderpipeline_operator.domain.manifests.horizontal_pod_autoscaler import horizontal_pod_autoscaler
from orderpipeline_operator.domain.manifests.http_route import http_route
from orderpipeline_operator.domain.manifests.ingress import ingress
from orderpipeline_operator.domain.manifests.kafka import kafka
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint, SecretRef
from orderpipeline_operator.domain.manifests.kafka_mirror_maker import kafka_mirror_maker
from orderpipeline_operator.domain.manifests.kafka_node_pools import kafka_node_pools
from orderpipeline_operator.domain.manifests.kafka_rebalance import rebalance_template
from orderpipeline_operator.domain.manifests.kafka_topics import kafka_topics
from orderpipeline_operator.domain.manifests.kafka_users import kafka_users
from orderpipeline_operator.domain.manifests.network_policies import network_policies
from orderpipeline_operator.domain.manifests.pipeline import Bundle, Context, Pipeline, Stage
from orderpipeline_operator.domain.manifests.pod_disruption_budgets import pod_disruption_budgets
from orderpipeline_operator.domain.manifests.pod_monitors import pod_monitors
from orderpipeline_operator.domain.manifests.prometheus_rule import prometheus_rule
from orderpipeline_operator.domain.manifests.scaled_object import scaled_object
from orderpipeline_operator.domain.manifests.service import service

__all__ = ["Bundle", "Context", "KafkaEndpoint", "Manifest", "Pipeline", "SecretRef", "Stage", "api_url", "render"]


def render(pipeline: Pipeline, context: Context) -> Bundle:
    """All manifests of a pipeline, in bring-up order. Equal arguments give equal bundles.

    The stages are kafka, entities and workloads; the first two are empty with kafka.existing.
    """
    closed = fenced(pipeline.spec, mirroring=context.mirroring)
    if closed:
        pipeline = replace(pipeline, spec=without_consumers(pipeline.spec))
    managed = pipeline.spec.kafka.existing is None
    return Bundle(
        (
            Stage("kafka", _kafka(pipeline) if managed else ()),
            Stage("entities", (*kafka_topics(pipeline), *kafka_users(pipeline)) if managed else ()),
            Stage("workloads", _workloads(pipeline, context, closed=closed)),
        )
    )


def _kafka(pipeline: Pipeline) -> tuple[Manifest, ...]:
    # Pools are made first: to Strimzi a Kafka without pools is an error, while pools without a Kafka just wait.
    return (*rebalance_template(pipeline), *kafka_node_pools(pipeline), kafka(pipeline))


def _workloads(pipeline: Pipeline, context: Context, *, closed: bool) -> tuple[Manifest, ...]:
    return (
        producer.service_account(pipeline),
        consumer.service_account(pipeline),
        *network_policies(pipeline),
        producer.deployment(pipeline, context),
        consumer.deployment(pipeline, context),
        *pod_disruption_budgets(pipeline),
        service(pipeline, closed=closed),
        *ingress(pipeline),
        *http_route(pipeline),
        *horizontal_pod_autoscaler(pipeline),
        *scaled_object(pipeline, context),
        *pod_monitors(pipeline),
        *prometheus_rule(pipeline),
        *kafka_mirror_maker(pipeline, context),
    )
