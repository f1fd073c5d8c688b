"""Bad specs, as tables."""

from dataclasses import dataclass
from typing import Any

EXISTING = {"bootstrapServers": "kafka.example.com:9093"}
STANDBY = {"role": "standby", "peer": {"bootstrapServers": "kafka.example.com:9093", "credentialsSecret": "west"}}
OFFICE = {"name": "office", "start": "0 8 * * 1-5", "duration": "10h"}


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
    Bad(
        "spec.topic.name",
        {"topic": {"name": "orders.internal"}, "disasterRecovery": {"role": "active"}},
        "MirrorMaker 2 never copies",
        reason="NeverMirrored",
    ),
    Bad(
        "spec.consumer.deadLetter.topic",
        {"consumer": {"deadLetter": {"topic": "failed-internal"}}, "disasterRecovery": STANDBY},
        "MirrorMaker 2 never copies",
        reason="NeverMirrored",
    ),
    Bad(
        "spec.disasterRecovery.peer.bootstrapServers",
        {"disasterRecovery": {"role": "standby", "peer": {"bootstrapServers": "a:0", "credentialsSecret": "west"}}},
        "from 1 to 65535",
        reason="InvalidAddress",
    ),
    Bad(
        "spec.disasterRecovery.peer.credentialsSecret",
        {"disasterRecovery": {"role": "standby", "peer": {"bootstrapServers": "a:1", "credentialsSecret": "a..b"}}},
        "not a name",
        reason="InvalidName",
    ),
    Bad(
        "spec.disasterRecovery.mirror.jvmHeap",
        {"disasterRecovery": {**STANDBY, "mirror": {"jvmHeap": "64Mi"}}},
        "at least 128Mi",
        reason="HeapTooSmall",
    ),
    Bad(
        "spec.disasterRecovery.mirror.jvmHeap",
        {"disasterRecovery": {**STANDBY, "mirror": {"jvmHeap": "1Gi"}}},
        "must be below resources.limits.memory",
        reason="HeapAboveMemory",
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
        "use a DNS name",
        reason="InvalidHost",
    ),
    Bad("spec.producer.gracePeriod", {"producer": {"gracePeriod": "5s"}}, "between 10s", reason="DurationOutOfRange"),
    Bad("spec.consumer.image", {"consumer": {"handler": "a.b:c"}}, "set your own image", reason="HandlerNeedsImage"),
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
    Bad(
        "spec.autoscaling.schedules[0].start",
        {"autoscaling": {"schedules": [OFFICE | {"start": "0 8 * * 9", "min": 2}]}},
        "Bad day-of-week",
        reason="InvalidSchedule",
    ),
)
