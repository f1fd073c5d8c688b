"""Makes the Kafka consumer: configuration, group protocol, what the broker can do."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from orderpipeline_consumer.errors import UnavailableError

log = logging.getLogger(__name__)

Config = Mapping[str, str | int | float | bool]
AUTO: Final = "auto"
CLASSIC: Final = "classic"
CONSUMER: Final = "consumer"
ADMIN_SECONDS: Final = 10.0
SETTLED_MS: Final = 5000
_FATAL: Final = (
    KafkaError._FATAL,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.INCONSISTENT_GROUP_PROTOCOL,
)
"""A wrong ACL or a group of other members is told by ending: the pod's status then shows it."""


def consumer_config(
    connection: Config, group: str, protocol: str, offset_reset: str, max_poll_seconds: float
) -> dict[str, Any]:
    """The consumer's configuration. `max_poll_seconds` must be longer than any drain: nobody polls during one."""
    config: dict[str, Any] = {
        **connection,
        "group.id": group,
        "group.protocol": protocol,
        "auto.offset.reset": offset_reset,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,  # its offset lies past transaction markers, where no record ever comes
        "max.poll.interval.ms": int(max_poll_seconds * 1000),
        "queued.max.messages.kbytes": 8192,  # without what the client needs for each message, which is thrice as much
        "fetch.max.bytes": 4 * 1024 * 1024,  # as much more may come when the queue is nearly full
        "fetch.queue.backoff.ms": 20,  # a full queue is emptied in less than the usual second
        "fetch.wait.max.ms": 100,
        "check.crcs": True,
        "socket.timeout.ms": 10000,  # a commit that nobody answers is tried three times for so long, and all waits
        "statistics.interval.ms": 2000,
    }
    if protocol == CLASSIC:  # with the consumer protocol these are the broker's settings
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
    """A consumer whose callbacks run in the thread that polls it. `on_group` gets librdkafka's statistics of the group
    every few seconds: they tell of a member that owns nothing too."""

    def on_stats(text: str) -> None:
        on_group(json.loads(text).get("cgrp", {}))

    return Consumer({**config, "error_cb": on_error, "stats_cb": on_stats}, logger=logging.getLogger("librdkafka"))


def is_member(group: Mapping[str, Any]) -> bool:
    """Whether librdkafka's statistics of the group show a member. With the consumer protocol one without partitions
    gets no callback and stays in state init, so a while with the coordinator and without an error must do."""
    steady = group.get("join_state") == "steady"
    return group.get("state") == "up" and (steady or int(group.get("stateage", 0)) >= SETTLED_MS)


def is_reachable(group: Mapping[str, Any]) -> bool:
    """Whether librdkafka's statistics of the group show a connection to its coordinator."""
    return group.get("state") == "up"


def protocols(wanted: str) -> tuple[str, ...]:
    """Group protocols in the order to try them, for `auto`, `consumer` or `classic`."""
    return (CONSUMER, CLASSIC) if wanted == AUTO else (wanted,)


def lacks_protocol(error: KafkaError) -> bool:
    """Whether the broker refused the consumer group protocol (KIP-848), which brokers before 4.0 lack."""
    return error.code() in _FATAL and "ConsumerGroup" in error.str() and "not supported" in error.str()


def is_fatal(error: KafkaError) -> bool:
    """Whether the consumer cannot go on from this error."""
    return bool(error.fatal()) or error.code() in _FATAL


async def topic_id(connection: Config, topic: str) -> str:
    """The id that Kafka gave the topic when it was made. Raises UnavailableError."""

    def ask() -> str:
        admin = AdminClient(dict(connection), logger=logging.getLogger("librdkafka"))
        answers = admin.describe_topics(TopicCollection([topic]), request_timeout=ADMIN_SECONDS)
        return str(answers[topic].result(ADMIN_SECONDS).topic_id)

    try:
        return await asyncio.get_running_loop().run_in_executor(None, ask)
    except (KafkaException, TimeoutError) as error:
        raise UnavailableError(f"kafka: describing topic {topic}: {error}") from error
