"""Checks of spec.kafka."""

from collections.abc import Iterator
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import Brokers, KafkaSpec, OrderPipelineSpec
from orderpipeline_operator.domain.units.quantities import amount
from orderpipeline_operator.domain.validation.checks.problem import (
    Problem,
    addresses,
    entry,
    jvm_heap,
    owned,
    resources,
    unused,
)

SUPPORTED_VERSIONS: Final = ("4.2.0", "4.2.1", "4.3.0", "4.3.1")
"""Kafka versions of Strimzi 1.2."""

_FORBIDDEN: Final = (
    "advertised.",
    "authorizer.",
    "broker.",
    "client.quota.callback.static.",
    "controller.",
    "cordoned.log.dirs",
    "cruise.control.metrics.reporter.bootstrap.servers",
    "cruise.control.metrics.topic",
    "host.name",
    "inter.broker.listener.name",
    "listener.",
    "listeners",
    "log.dir",
    "metadata.log.dir",
    "node.id",
    "password.",
    "port",
    "process.roles",
    "prometheus.metrics.reporter.",
    "sasl.",
    "security.",
    "ssl.",
    "super.user",
    "zookeeper.",
)
"""Prefixes of settings that Strimzi sets itself and silently drops from the Kafka resource."""
_ALLOWED: Final = (
    "controller.quorum.election.backoff.max.ms",
    "controller.quorum.election.timeout.ms",
    "controller.quorum.fetch.timeout.ms",
    "cruise.control.metrics.topic.auto.create.retries",
    "cruise.control.metrics.topic.auto.create.timeout.ms",
    "cruise.control.metrics.topic.min.insync.replicas",
    "cruise.control.metrics.topic.num.partitions",
    "cruise.control.metrics.topic.replication.factor",
    "cruise.control.metrics.topic.retention.ms",
    "sasl.server.max.receive.size",
    "ssl.cipher.suites",
    "ssl.enabled.protocols",
    "ssl.protocol",
    "ssl.secure.random.implementation",
)
_OWNERS: Final = {
    "auto.create.topics.enable": "topic and consumer.deadLetter, which name all topics there are",
    "default.replication.factor": "kafka.replicationFactor",
    "min.insync.replicas": "kafka.minInSyncReplicas",
    "offsets.topic.replication.factor": "kafka.replicationFactor",
    "transaction.state.log.min.isr": "kafka.minInSyncReplicas",
    "transaction.state.log.replication.factor": "kafka.replicationFactor",
}


def check(spec: OrderPipelineSpec) -> Iterator[Problem]:
    """Versions, settings, heap and disks of a cluster of our own, or addresses of an existing one."""
    kafka = spec.kafka
    if kafka.existing is not None:
        yield from unused("spec.kafka.config", kafka.config)
        yield from addresses("spec.kafka.existing.bootstrapServers", kafka.existing.bootstrap_servers)
        return
    yield from _versions(kafka)
    yield from _config(kafka)
    yield from _nodes("spec.kafka.brokers", kafka.brokers)
    yield from _nodes("spec.kafka.controllers", kafka.controllers)
    yield from resources("spec.kafka.entityOperator.resources", kafka.entity_operator.resources)


def _versions(kafka: KafkaSpec) -> Iterator[Problem]:
    if kafka.version not in SUPPORTED_VERSIONS:
        message = f"{kafka.version} is not among the supported versions; choose one of {', '.join(SUPPORTED_VERSIONS)}"
        yield Problem("spec.kafka.version", "UnsupportedKafkaVersion", message)
    elif kafka.metadata_version is not None:
        metadata = _numbers(kafka.metadata_version.partition("-")[0])
        if metadata > _numbers(kafka.version)[:2]:
            message = f"{kafka.metadata_version} is newer than version {kafka.version}; raise version first"
            yield Problem("spec.kafka.metadataVersion", "MetadataVersionTooNew", message)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _config(kafka: KafkaSpec) -> Iterator[Problem]:
    for key in sorted(kafka.config):
        if key.startswith(_FORBIDDEN) and not key.startswith(_ALLOWED):
            message = "is set by Strimzi and cannot be changed; remove it"
            yield Problem(entry("spec.kafka.config", key), "ForbiddenKafkaConfig", message)
    yield from owned("spec.kafka.config", kafka.config, _OWNERS)


def _nodes(path: str, nodes: Brokers) -> Iterator[Problem]:
    yield from resources(f"{path}.resources", nodes.resources)
    size = amount(nodes.storage.size)
    if size < 1024**2 or size % 1 != 0:
        message = f"{nodes.storage.size} is not a valid disk size; use whole bytes, at least 1Mi, such as 100Gi"
        yield Problem(f"{path}.storage.size", "InvalidStorageSize", message)
    if nodes.jvm_heap is not None:
        yield from jvm_heap(f"{path}.jvmHeap", nodes.jvm_heap, nodes.resources, "Kafka")
