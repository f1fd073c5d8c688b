"""The KafkaUsers: who may do what. Each has only the rights that it needs.

An idempotent producer needs no rights on the cluster: since Kafka 2.8, Write on the topic is enough.
"""

from typing import Any

from orderpipeline_operator.domain.api.v1alpha1 import Quotas
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import USER, Manifest
from orderpipeline_operator.domain.manifests.kafka import COMPONENT
from orderpipeline_operator.domain.manifests.pipeline import Pipeline, manifest, present

Acl = dict[str, Any]


def kafka_users(pipeline: Pipeline) -> tuple[Manifest, ...]:
    """Users of the order API, of the consumers and of the operator itself, which reads offsets."""
    name, spec = pipeline.name, pipeline.spec
    orders, group = spec.topic.name, names.group(name, spec)
    dead = [names.dead_letter_topic(spec)] if spec.consumer.dead_letter.enabled else []
    producer = [_allow("topic", orders, "Describe", "Write")]
    consumer = [
        _allow("topic", orders, "Describe", "Read"),
        _allow("group", group, "Read"),
        *(_allow("topic", topic, "Describe", "Write") for topic in dead),
    ]
    operator = [
        *(_allow("topic", topic, "Describe", "DescribeConfigs") for topic in [orders, *dead]),
        _allow("group", group, "Describe"),
    ]
    return (
        _user(pipeline, names.producer(name), producer, _quotas(spec.producer.quotas, "producerByteRate")),
        _user(pipeline, names.consumer(name), consumer, _quotas(spec.consumer.quotas, "consumerByteRate")),
        _user(pipeline, names.operator_user(name), operator, {}),
    )


def _allow(kind: str, name: str, *operations: str) -> Acl:
    resource = {"type": kind, "name": name, "patternType": "literal"}
    return {"type": "allow", "resource": resource, "operations": list(operations), "host": "*"}


def _quotas(quotas: Quotas, rate: str) -> dict[str, Any]:
    return present(**{rate: quotas.byte_rate, "requestPercentage": quotas.request_percentage})


def _user(pipeline: Pipeline, name: str, acls: list[Acl], quotas: dict[str, Any]) -> Manifest:
    return manifest(
        pipeline,
        USER,
        name,
        COMPONENT,
        labels={names.STRIMZI_CLUSTER_LABEL: names.kafka(pipeline.name)},
        spec=present(
            authentication={"type": "scram-sha-512"},
            authorization={"type": "simple", "acls": acls},
            quotas=quotas,
        ),
    )
