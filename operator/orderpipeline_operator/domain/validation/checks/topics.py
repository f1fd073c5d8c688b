"""Checks of spec.topic and of the dead-letter topic."""

from collections.abc import Iterator
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.validation.checks.problem import Problem, duration, entry, owned, unused

LONGEST_NAME: Final = 249
_PATH: Final = "spec.topic.config"
_DEAD: Final = "spec.consumer.deadLetter"
_OWNERS: Final = {
    "min.insync.replicas": "kafka.minInSyncReplicas",
    "retention.ms": "topic.retention",
    "max.message.bytes": "producer.limits.maxOrderBytes",
}


def check(spec: OrderPipelineSpec) -> Iterator[Problem]:
    """Names, retention and settings of both topics."""
    if spec.kafka.existing is not None:
        yield from unused(_PATH, spec.topic.config)
    else:
        yield from owned(_PATH, spec.topic.config, _OWNERS)
        yield from _cleanup(spec)
    yield from duration("spec.topic.retention", spec.topic.retention, "1m", "36500d")
    yield from _names(spec)
    dead = spec.consumer.dead_letter
    yield from duration(f"{_DEAD}.retention", dead.retention, "1m", "36500d")
    yield from duration(f"{_DEAD}.backoff", dead.backoff, "1ms", "30s")


def _cleanup(spec: OrderPipelineSpec) -> Iterator[Problem]:
    policy = spec.topic.config.get("cleanup.policy", "delete")
    if policy != "delete":
        message = "must be delete: records are keyed by customer, so compaction would keep only each one's last order"
        yield Problem(entry(_PATH, "cleanup.policy"), "CompactedOrders", message)


def _names(spec: OrderPipelineSpec) -> Iterator[Problem]:
    yield from _reserved("spec.topic.name", spec.topic.name)
    dead = spec.consumer.dead_letter
    if not dead.enabled:
        return
    name = names.dead_letter_topic(spec)
    if len(name) > LONGEST_NAME:
        message = (
            f"with .dead-letter appended it has more than {LONGEST_NAME} characters; set consumer.deadLetter.topic"
        )
        yield Problem("spec.topic.name", "NameTooLong", message)
    if dead.topic is None:
        return
    yield from _reserved(f"{_DEAD}.topic", name)
    if name.replace(".", "_") == spec.topic.name.replace(".", "_"):
        message = f"Kafka cannot distinguish {name} from topic.name {spec.topic.name}; choose another name"
        yield Problem(f"{_DEAD}.topic", "TopicNamesCollide", message)


def _reserved(path: str, name: str) -> Iterator[Problem]:
    if name.startswith("__") or name in (".", ".."):
        yield Problem(path, "ReservedTopicName", f"{name} is reserved by Kafka; choose another name")
