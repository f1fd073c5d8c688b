"""Bad specs. Each is refused by a real API server with the field's path, or taken by it and then by path and reason."""

import itertools
import json
from dataclasses import dataclass
from typing import Any

import pytest

from orderpipeline_operator.domain.accept import Rejected, accept
from tests.integration.apiserver import ApiServer

pytestmark = pytest.mark.integration

NAMESPACE = "bad-specs"
_numbers = itertools.count(1)
EXISTING = {"bootstrapServers": "kafka.example.com:9093"}


@dataclass(frozen=True)
class Bad:
    """spec is wrong at path. With `before`, spec is an update of that; with `reason`, only accept() refuses it."""

    path: str
    spec: dict[str, Any]
    says: str
    """Part of the message, which tells what to do."""
    before: dict[str, Any] | None = None
    reason: str | None = None
    name: str = "shop"


REFUSED_BY_THE_API = (
    Bad("spec.kafka.minInSyncReplicas", {"kafka": {"minInSyncReplicas": 3}}, "must be below replicationFactor"),
    Bad(
        "spec.kafka.replicationFactor",
        {"kafka": {"brokers": {"replicas": 3}, "replicationFactor": 4}},
        "must not exceed brokers.replicas",
    ),
    Bad("spec.kafka.controllers.replicas", {"kafka": {"controllers": {"replicas": 4}}}, "must be odd"),
    Bad("spec.kafka.brokers.replicas", {"kafka": {"brokers": {"replicas": 0}}}, "greater than or equal to 1"),
    Bad("spec.kafka.version", {"kafka": {"version": "latest"}}, "should match"),
    Bad("spec.kafka.metadataVersion", {"kafka": {"metadataVersion": "4"}}, "should match"),
    Bad("spec.kafka.listeners", {"kafka": {"listeners": {"tls": False}}}, "at least one of tls and plain"),
    Bad(
        "spec.kafka.cruiseControl",
        {
            "kafka": {
                "cruiseControl": {"enabled": True},
                "brokers": {"replicas": 1},
                "replicationFactor": 1,
                "minInSyncReplicas": 1,
            }
        },
        "needs at least 2 brokers",
    ),
    Bad(
        "spec.kafka.cruiseControl",
        {"kafka": {"existing": EXISTING, "cruiseControl": {"enabled": True}}},
        "remove kafka.existing or turn cruiseControl off",
    ),
    Bad("spec.kafka.exporter", {"kafka": {"existing": EXISTING, "exporter": True}}, "turn exporter off"),
    Bad("spec.kafka.existing.bootstrapServers", {"kafka": {"existing": {}}}, "Required value"),
    Bad(
        "spec.kafka.existing.bootstrapServers",
        {"kafka": {"existing": {"bootstrapServers": "kafka.example.com"}}},
        "should match",
    ),
    Bad(
        "spec.kafka.existing.tls.caSecret",
        {"kafka": {"existing": {**EXISTING, "tls": {"enabled": False, "caSecret": {"name": "ca", "key": "ca.crt"}}}}},
        "has no use without TLS",
    ),
    Bad("spec.kafka.existing", {"kafka": {"existing": EXISTING}}, "cannot be added or removed", before={}),
    Bad("spec.kafka.existing", {}, "cannot be added or removed", before={"kafka": {"existing": EXISTING}}),
    Bad("spec.kafka.brokers.storage.size", {"kafka": {"brokers": {"storage": {"size": "big"}}}}, "should match"),
    Bad(
        "spec.kafka.brokers.storage.size",
        {"kafka": {"brokers": {"storage": {"size": "99Gi"}}}},
        "cannot shrink",
        before={},
    ),
    Bad(
        "spec.kafka.controllers.storage.type",
        {"kafka": {"controllers": {"storage": {"type": "ephemeral"}}}},
        "cannot change",
        before={},
    ),
    Bad("spec.topic.name", {"topic": {"name": "new"}}, "cannot change", before={}),
    Bad("spec.topic.name", {"topic": {"name": "my orders"}}, "should match"),
    Bad("spec.topic.name", {"topic": {"name": ".."}}, "choose another name"),
    Bad("spec.topic.partitions", {"topic": {"partitions": 11}}, "cannot shrink", before={}),
    Bad("spec.topic.partitions", {"topic": {"partitions": "many"}}, "must be of type integer"),
    Bad("spec.topic.retention", {"topic": {"retention": "forever"}}, "should match"),
    Bad("spec.topic.retantion", {"topic": {"retantion": "7d"}}, "unknown field"),
    Bad("spec.producer.auth.secret", {"producer": {"auth": {"mode": "ApiKey"}}}, "is needed with mode ApiKey"),
    Bad("spec.producer.durability", {"producer": {"durability": "maybe"}}, "Unsupported value"),
    Bad("spec.producer.ingress.host", {"producer": {"ingress": {"host": "Orders_here"}}}, "should match"),
    Bad(
        "spec.producer.httpRoute.hostnames",
        {"producer": {"httpRoute": {"hostnames": [], "parentRefs": [{"name": "public"}]}}},
        "at least 1 items",
    ),
    Bad(
        "spec.producer.limits.maxOrderBytes",
        {"producer": {"limits": {"maxOrderBytes": 4096, "maxBodyBytes": 2048}}},
        "must not exceed maxBodyBytes",
    ),
    Bad(
        "spec.producer.placement.maxUnavailable",
        {"producer": {"placement": {"maxUnavailable": "most"}}},
        "should match",
    ),
    Bad(
        "spec.producer.resources.requests.cpu",
        {"producer": {"resources": {"requests": {"cpu": "two"}}}},
        "should match",
    ),
    Bad(
        "spec.producer.quotas",
        {"kafka": {"existing": EXISTING}, "producer": {"quotas": {"byteRate": 2048}}},
        "remove the quotas",
    ),
    Bad("spec.consumer.sink.url", {"consumer": {"sink": {"type": "http"}}}, "is needed with type http"),
    Bad("spec.consumer.sink.dsnSecret", {"consumer": {"sink": {"type": "postgres"}}}, "is needed with type postgres"),
    Bad("spec.consumer.sink.table", {"consumer": {"sink": {"table": "orders; drop"}}}, "should match"),
    Bad("spec.consumer.handler", {"consumer": {"handler": "shop.orders"}}, "should match"),
    Bad("spec.consumer.group", {"consumer": {"group": "new"}}, "cannot change", before={}),
    Bad(
        "spec.consumer.deadLetter.topic",
        {"consumer": {"deadLetter": {"topic": "orders-placed"}}},
        "must differ from topic.name",
    ),
    Bad(
        "spec.consumer.deadLetter.partitions",
        {"consumer": {"deadLetter": {"partitions": 2}}},
        "cannot shrink",
        before={},
    ),
    Bad("spec.autoscaling.min", {"autoscaling": {"min": 5, "max": 4}}, "must not exceed max"),
    Bad("spec.autoscaling.max", {"autoscaling": {"max": 13}}, "must not exceed topic.partitions"),
    Bad("spec.autoscaling.min", {"autoscaling": {"min": 13}}, "must not exceed topic.partitions"),
    Bad("spec.autoscaling.replicas", {"autoscaling": {"mode": "Off", "replicas": 13}}, "must not exceed topic"),
    Bad(
        "spec.autoscaling.partitionsPerConsumer.min",
        {"autoscaling": {"partitionsPerConsumer": {"min": 4}}},
        "must not exceed max",
    ),
    Bad("metadata.name", {}, "choose a shorter one", name="the-shop-with-the-longest-name"),
    Bad("metadata.name", {}, "must start with a letter", name="shop.example"),
)

TAKEN_BUT_NOT_ACCEPTED = (
    Bad(
        "spec.kafka.version",
        {"kafka": {"version": "3.9.0"}},
        "choose one of 4.2.0",
        reason="UnsupportedKafkaVersion",
    ),
    Bad(
        "spec.kafka.metadataVersion",
        {"kafka": {"version": "4.2.1", "metadataVersion": "4.3-IV0"}},
        "raise version first",
        reason="MetadataVersionTooNew",
    ),
    Bad(
        "spec.kafka.config[ssl.keystore.location]",
        {"kafka": {"config": {"ssl.keystore.location": "/tmp/k"}}},
        "set by Strimzi",
        reason="ForbiddenKafkaConfig",
    ),
    Bad(
        "spec.kafka.config[min.insync.replicas]",
        {"kafka": {"config": {"min.insync.replicas": 1}}},
        "kafka.minInSyncReplicas",
        reason="ConfigConflict",
    ),
    Bad("spec.kafka.config.a", {"kafka": {"config": {"a": [1]}}}, "must be a string", reason="InvalidField"),
    Bad(
        "spec.kafka.config",
        {"kafka": {"existing": EXISTING, "config": {"log.cleaner.threads": 2}}},
        "has no effect",
        reason="UnusedWithExistingKafka",
    ),
    Bad(
        "spec.kafka.existing.bootstrapServers",
        {"kafka": {"existing": {"bootstrapServers": "kafka.example.com:99999"}}},
        "from 1 to 65535",
        reason="InvalidAddress",
    ),
    Bad(
        "spec.kafka.brokers.jvmHeap",
        {"kafka": {"brokers": {"jvmHeap": "4Gi", "resources": {"limits": {"memory": "4Gi"}}}}},
        "must be below resources.limits.memory",
        reason="HeapAboveMemory",
    ),
    Bad(
        "spec.kafka.brokers.storage.size",
        {"kafka": {"brokers": {"storage": {"size": "0"}}}},
        "at least 1Mi",
        reason="InvalidStorageSize",
    ),
    Bad(
        "spec.topic.config[cleanup.policy]",
        {"topic": {"config": {"cleanup.policy": "compact"}}},
        "must be delete",
        reason="CompactedOrders",
    ),
    Bad(
        "spec.topic.config[retention.ms]",
        {"topic": {"config": {"retention.ms": 1000}}},
        "topic.retention",
        reason="ConfigConflict",
    ),
    Bad("spec.topic.retention", {"topic": {"retention": "0s"}}, "between 1m and", reason="DurationOutOfRange"),
    Bad("spec.topic.name", {"topic": {"name": "__orders"}}, "reserved by Kafka", reason="ReservedTopicName"),
    Bad(
        "spec.consumer.deadLetter.topic",
        {"topic": {"name": "my.orders"}, "consumer": {"deadLetter": {"topic": "my_orders"}}},
        "choose another name",
        reason="TopicNamesCollide",
    ),
    Bad(
        "spec.producer.resources.requests[memory]",
        {"producer": {"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "512Mi"}}}},
        "raise limits.memory",
        reason="RequestAboveLimit",
    ),
    Bad(
        "spec.producer.limits.maxInFlightBytes",
        {"producer": {"resources": {"limits": {"memory": "100Mi"}}}},
        "raise the memory",
        reason="InFlightAboveMemory",
    ),
    Bad(
        "spec.producer.ingress.host",
        {"producer": {"ingress": {"host": "10.0.0.1"}}},
        "give a DNS name",
        reason="InvalidHost",
    ),
    Bad("spec.producer.gracePeriod", {"producer": {"gracePeriod": "5s"}}, "between 10s", reason="DurationOutOfRange"),
    Bad("spec.consumer.image", {"consumer": {"handler": "a.b:c"}}, "name yours", reason="HandlerNeedsImage"),
    Bad(
        "spec.consumer.sink.timeout",
        {"consumer": {"sink": {"timeout": "2m"}}},
        "must be below gracePeriod",
        reason="TimeoutAboveGracePeriod",
    ),
    Bad(
        "spec.autoscaling.pollInterval",
        {"autoscaling": {"pollInterval": "10ms"}},
        "between 1s",
        reason="DurationOutOfRange",
    ),
    Bad(
        "spec.autoscaling.idleAfter",
        {"autoscaling": {"idleAfter": "2s"}},
        "must not be below pollInterval",
        reason="IdleBelowPollInterval",
    ),
)


def _id(bad: Bad) -> str:
    return f"{bad.path}-{bad.reason or bad.says}".replace(" ", "_")


@pytest.fixture(scope="module", autouse=True)
def namespace(crds: ApiServer) -> None:
    crds.kubectl("create", "namespace", NAMESPACE)


def _manifest(name: str, spec: dict[str, Any]) -> str:
    meta = {"name": name, "namespace": NAMESPACE}
    return json.dumps(
        {"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline", "metadata": meta, "spec": spec}
    )


@pytest.mark.parametrize("bad", REFUSED_BY_THE_API, ids=_id)
def test_the_api_server_refuses_it_with_the_path(crds: ApiServer, bad: Bad) -> None:
    name = bad.name
    if bad.before is not None:
        name = f"before-{next(_numbers)}"
        crds.kubectl("create", "-f", "-", input=_manifest(name, bad.before))
    verb = "create" if bad.before is None else "replace"
    result = crds.try_kubectl(verb, "--dry-run=server", "--validate=strict", "-f", "-", input=_manifest(name, bad.spec))
    assert result.returncode != 0
    assert bad.path in result.stderr
    assert bad.says in result.stderr


@pytest.mark.parametrize("bad", TAKEN_BUT_NOT_ACCEPTED, ids=_id)
def test_the_operator_refuses_it_with_path_and_reason(crds: ApiServer, bad: Bad) -> None:
    text = _manifest(bad.name, bad.spec)
    stored = json.loads(
        crds.kubectl("create", "--dry-run=server", "--validate=strict", "-o", "json", "-f", "-", input=text)
    )
    found = accept(stored["spec"])
    assert isinstance(found, Rejected)
    assert found.reason == bad.reason
    assert found.message.startswith(f"{bad.path}: ")
    assert bad.says in found.message


def test_growing_and_leaving_alone_are_allowed(crds: ApiServer) -> None:
    crds.kubectl("create", "-f", "-", input=_manifest("grows", {"consumer": {"group": "g"}}))
    grown = {
        "kafka": {"brokers": {"replicas": 4, "storage": {"size": "1Ti"}}},
        "topic": {"partitions": 24},
        "consumer": {"group": "g", "deadLetter": {"partitions": 6}},
    }
    crds.kubectl("replace", "-f", "-", input=_manifest("grows", grown))


def test_a_single_broker_may_have_one_copy(crds: ApiServer) -> None:
    spec = {"kafka": {"brokers": {"replicas": 1}, "replicationFactor": 1, "minInSyncReplicas": 1}}
    crds.kubectl("create", "--dry-run=server", "-f", "-", input=_manifest("single", spec))
