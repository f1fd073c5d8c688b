"""The KafkaUsers: who may do what. Each has only the rights that it needs.

An idempotent producer needs no rights on the cluster: since Kafka 2.8, Write on the topic is enough.
"""

from typing import Any

from orderpipeline_operator.domain.api.v1alpha1 import Quotas
from orderpipeline_operator.domain.failover.standby import is_standby
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import USER, Manifest
from orderpipeline_operator.domain.manifests.kafka import COMPONENT
from orderpipeline_operator.domain.manifests.kafka_mirror_maker import (
    OFFSET_SYNCS_TOPIC,
    STORAGE_TOPICS,
    mirrored_topics,
    storage_topic,
)
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
    users = (
        _user(pipeline, names.producer(name), producer, _quotas(spec.producer.quotas, "producerByteRate")),
        _user(pipeline, names.consumer(name), consumer, _quotas(spec.consumer.quotas, "consumerByteRate")),
        _user(pipeline, names.operator_user(name), operator, {}),
    )
    if spec.disaster_recovery is None:
        return users
    peer, mirror = _peer_rights(pipeline), _mirror_rights(pipeline)
    return (*users, _user(pipeline, names.peer_user(name), peer, {}), _user(pipeline, names.mirror(name), mirror, {}))


def _peer_rights(pipeline: Pipeline) -> list[Acl]:
    """What the mirror in the other cluster may do here: read, and only at the active side.

    Two standbys that read from each other would copy each order round and round; MirrorMaker 2 does not notice.
    """
    spec = pipeline.spec
    reads = ("Describe",) if is_standby(spec) else ("Describe", "DescribeConfigs", "Read")
    return [_allow("topic", topic, *reads) for topic in mirrored_topics(spec)]


def _mirror_rights(pipeline: Pipeline) -> list[Acl]:
    """What the mirror may do here, where it writes. Orders' topics it may grow, not make: their settings are ours."""
    name, spec = pipeline.name, pipeline.spec
    own = [storage_topic(name, what) for what in STORAGE_TOPICS]
    kept = [*own, OFFSET_SYNCS_TOPIC]
    return [
        *(_allow("topic", topic, "Alter", "Describe", "Write") for topic in mirrored_topics(spec)),
        *(_allow("topic", topic, "Create", "Describe", "DescribeConfigs", "Read", "Write") for topic in kept),
        _allow("group", names.mirror(name), "Read"),
    ]


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
