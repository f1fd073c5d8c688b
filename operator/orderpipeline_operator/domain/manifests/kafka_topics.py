"""The KafkaTopics: orders and dead letters."""

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import TOPIC, Manifest
from orderpipeline_operator.domain.manifests.kafka import COMPONENT
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest
from orderpipeline_operator.domain.units.durations import milliseconds

KAFKA_MAX_MESSAGE_BYTES = 1048588
"""Kafka's own default of max.message.bytes: the largest batch that a topic accepts."""
RECORD_OVERHEAD_BYTES = 65536
"""Room for a record's headers and framing besides the order; the origin headers of dead letters are the largest."""


def largest_record(spec: OrderPipelineSpec) -> int:
    """Bytes of the largest record that a topic of the pipeline takes, with its headers."""
    orders = int(owned_config(spec).get("max.message.bytes", KAFKA_MAX_MESSAGE_BYTES))
    return orders + RECORD_OVERHEAD_BYTES if spec.consumer.dead_letter.enabled else orders


def kafka_topics(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """The orders topic, and the dead-letter topic unless it is disabled.

    The latter takes whatever the former has taken, and a dead letter's headers.
    """
    spec = pipeline.spec
    dead = spec.consumer.dead_letter
    orders = _topic(
        pipeline,
        names.orders_topic_resource(pipeline.name),
        spec.topic.name,
        spec.topic.partitions,
        {**spec.topic.config, **owned_config(spec)},
    )
    if not dead.enabled:
        return (orders,)
    limit = largest_record(spec)
    settings = {**owned_config(spec), "retention.ms": milliseconds(dead.retention), "max.message.bytes": limit}
    resource = names.dead_letter_topic_resource(pipeline.name, spec)
    return (orders, _topic(pipeline, resource, names.dead_letter_topic(spec), dead.partitions, settings))


def owned_config(spec: OrderPipelineSpec) -> dict[str, str | int | bool]:
    """Topic settings that fields of the spec determine; topic.config may not contain them."""
    largest = spec.producer.limits.max_order_bytes + RECORD_OVERHEAD_BYTES
    settings: dict[str, str | int | bool] = {
        "min.insync.replicas": spec.kafka.min_in_sync_replicas,
        "retention.ms": milliseconds(spec.topic.retention),
    }
    if largest > KAFKA_MAX_MESSAGE_BYTES:
        settings["max.message.bytes"] = largest
    return settings


def _topic(
    pipeline: Pipeline, resource: str, topic: str, partitions: int, config: dict[str, str | int | bool]
) -> Manifest:
    return manifest(
        pipeline,
        TOPIC,
        resource,
        COMPONENT,
        labels={names.STRIMZI_CLUSTER_LABEL: names.kafka(pipeline.name)},
        spec={
            "topicName": topic,
            "partitions": partitions,
            "replicas": pipeline.spec.kafka.replication_factor,
            "config": dict(sorted(config.items())),
        },
    )
