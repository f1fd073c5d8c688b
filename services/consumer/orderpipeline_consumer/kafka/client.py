"""The Kafka client: its configuration, the group protocol, and what its errors and statistics mean."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import confluent_kafka
from confluent_kafka import Consumer, KafkaError

from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.records.topic_partition import TopicPartition

log = logging.getLogger(__name__)

Config = Mapping[str, str | int | float | bool]
AUTO: Final = "auto"
CLASSIC: Final = "classic"
CONSUMER: Final = "consumer"
SETTLED_MS: Final = 5000
_FATAL: Final = (
    KafkaError._FATAL,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.INCONSISTENT_GROUP_PROTOCOL,
)
"""The process ends for a wrong ACL or a group with another protocol, so that the pod's status shows it."""


def consumer_config(connection: Config, group: str, protocol: str, max_poll_seconds: float) -> dict[str, Any]:
    """The consumer's configuration. `max_poll_seconds` must be longer than any drain, during which nothing polls."""
    config: dict[str, Any] = {
        **connection,
        "group.id": group,
        "group.protocol": protocol,
        "auto.offset.reset": "earliest",  # where a log was cut: the end would skip orders (see positions.py)
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,  # its offset is past trailing transaction markers, which no record reveals
        "max.poll.interval.ms": int(max_poll_seconds * 1000),
        "queued.max.messages.kbytes": 8192,  # without the client's overhead per message, which is three times as much
        "fetch.max.bytes": 4 * 1024 * 1024,  # may be exceeded by as much when the queue is nearly full
        "fetch.queue.backoff.ms": 20,  # a full queue drains in less than the default of one second
        # Single orders are fetched ten times a second at most, rather than each in a request of its own: those cost the
        # brokers, and the consumer, more than the orders themselves. A busy partition has this many bytes at once.
        "fetch.min.bytes": 16 * 1024,
        "fetch.wait.max.ms": 100,
        "check.crcs": True,
        "socket.timeout.ms": 10000,  # an unanswered commit is tried three times, this long each, and everything waits
        "statistics.interval.ms": 2000,
    }
    if protocol == CLASSIC:  # with the consumer protocol the broker sets these
        config |= {
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": min(45000, int(max_poll_seconds * 1000)),
            "heartbeat.interval.ms": 3000,
        }
    return config


def make_consumer(
    config: Mapping[str, Any],
    on_error: Callable[[KafkaError], None],
    on_group: Callable[[Mapping[str, Any]], None],
) -> Consumer:
    """A consumer whose callbacks run in the thread that polls it. `on_group` receives librdkafka's statistics of the
    group every few seconds, also when no partition is assigned."""

    def on_stats(text: str) -> None:
        on_group(json.loads(text).get("cgrp", {}))

    return Consumer({**config, "error_cb": on_error, "stats_cb": on_stats}, logger=logging.getLogger("librdkafka"))


def is_member(group: Mapping[str, Any]) -> bool:
    """Whether the consumer is a member of the group, by librdkafka's statistics. With the consumer protocol a member
    without partitions gets no callback and stays in state `init`, so SETTLED_MS with the coordinator and without an
    error counts too."""
    steady = group.get("join_state") == "steady"
    return group.get("state") == "up" and (steady or int(group.get("stateage", 0)) >= SETTLED_MS)


def is_reachable(group: Mapping[str, Any]) -> bool:
    """Whether there is a connection to the group's coordinator, by librdkafka's statistics."""
    return group.get("state") == "up"


def protocols_to_try(setting: str) -> tuple[str, ...]:
    """Group protocols in the order to try them, for the setting `auto`, `consumer` or `classic`."""
    return (CONSUMER, CLASSIC) if setting == AUTO else (setting,)


def lacks_protocol(error: KafkaError) -> bool:
    """Whether the broker does not support the consumer group protocol (KIP-848), as before Kafka 4.0."""
    return error.code() in _FATAL and "ConsumerGroup" in error.str() and "not supported" in error.str()


def is_fatal(error: KafkaError) -> bool:
    """Whether the consumer cannot recover from this error."""
    return bool(error.fatal()) or error.code() in _FATAL


def to_kafka(
    topic_partition: TopicPartition, position: LogPosition | None = None, metadata: str = ""
) -> confluent_kafka.TopicPartition:
    """The client's own class for a partition, with the position to commit or to read from if there is one."""
    topic, partition = topic_partition
    if position is None:
        return confluent_kafka.TopicPartition(topic, partition)
    offset, leader_epoch = position
    epoch = -1 if leader_epoch is None else leader_epoch  # as the client writes an unknown one
    return confluent_kafka.TopicPartition(topic, partition, offset, metadata=metadata, leader_epoch=epoch)


def from_kafka(partition: confluent_kafka.TopicPartition) -> TopicPartition:
    """Which partition the client means."""
    return TopicPartition(partition.topic, partition.partition)
