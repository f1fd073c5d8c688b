"""Offsets and group of one topic, read from Kafka in a handful of batched requests.

All calls here block; run them in a thread. What cannot be read whole is Unknown: half a topic's lag is no lag.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from dataclasses import dataclass, field
from typing import Any, Literal

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    ConsumerGroupState,
    ConsumerGroupType,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from orderpipeline_operator.domain.lag import Group, GroupState, PartitionOffsets, Reading, Unknown

CLIENT_LOG = logging.getLogger("orderpipeline.kafka")
"""Where librdkafka's own log lines go."""

_STATES: Mapping[Any, GroupState] = {
    ConsumerGroupState.STABLE: "Stable",
    ConsumerGroupState.PREPARING_REBALANCING: "Rebalancing",
    ConsumerGroupState.COMPLETING_REBALANCING: "Rebalancing",
    ConsumerGroupState.EMPTY: "Empty",
    ConsumerGroupState.DEAD: "Absent",
}
_PROTOCOLS: Mapping[Any, Literal["classic", "consumer"]] = {
    ConsumerGroupType.CLASSIC: "classic",
    ConsumerGroupType.CONSUMER: "consumer",
}
_UNKNOWN_REASONS = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: ("TopicMissing", "the topic does not exist"),
    KafkaError.TOPIC_AUTHORIZATION_FAILED: ("NotAuthorized", "grant Describe on the topic to the operator's user"),
    KafkaError.GROUP_AUTHORIZATION_FAILED: ("NotAuthorized", "grant Describe on the group to the operator's user"),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: ("NotAuthorized", "grant Describe to the operator's user"),
    KafkaError._AUTHENTICATION: ("NotAuthenticated", "Kafka refuses the operator's user or password"),
    KafkaError.SASL_AUTHENTICATION_FAILED: ("NotAuthenticated", "Kafka refuses the operator's user or password"),
    KafkaError._SSL: ("TlsFailed", "check the CA certificate of the Kafka connection"),
}


class ConnectionSettingsError(Exception):
    """The settings of a connection make no client, such as a CA that is no certificate; the text says which."""


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """How to reach Kafka. `mechanism` None: no SASL; `ca_pem` None: the system's CAs. Equal ones share a client."""

    bootstrap: str
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_pem: str | None = field(default=None, repr=False)


def client_config(connection: KafkaConnection, client_id: str, on_error: Callable[[Any], None]) -> dict[str, Any]:
    """librdkafka settings of an admin client for `connection`."""
    config: dict[str, Any] = {
        "bootstrap.servers": connection.bootstrap,
        "security.protocol": connection.security_protocol,
        "client.id": client_id,
        "error_cb": on_error,
        "socket.keepalive.enable": True,
        "log_level": 2,  # what goes wrong is in the reading; the log would have a line for each reconnect
        "reconnect.backoff.max.ms": 5000,
    }
    if connection.ca_pem is not None:
        config["ssl.ca.pem"] = connection.ca_pem
    if connection.mechanism is not None:
        config |= {
            "sasl.mechanism": connection.mechanism,
            "sasl.username": connection.username,
            "sasl.password": connection.password,
        }
    return config


class OffsetReader:
    """Reads one topic and one group; a second thread waits for the first. `timeout` is in seconds, for each request.

    Only requests that the client library survives: its admin requests to a group's coordinator (describe, list
    offsets) abort the whole process when the coordinator moves or its connection drops (librdkafka 2.16.0). So commits
    and ends come through a consumer that joins no group and subscribes to nothing, and the group's state comes from
    the list of groups, which does not count members: `members` is None for a group that has any.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, group: str, *, client_id: str, timeout: float = 4.0
    ) -> None:
        self._topic, self._group, self._timeout = topic, group, timeout
        self._last_error: Any = None
        self._known: tuple[str, int] | None = None
        self._busy = threading.Lock()
        config = client_config(connection, client_id, self._remember)
        try:
            self._admin: Any = AdminClient(config, logger=CLIENT_LOG)
            self._consumer: Any = Consumer(config | {"group.id": group, "enable.auto.commit": False}, logger=CLIENT_LOG)
        except KafkaException as error:
            raise ConnectionSettingsError(error.args[0].str()) from error

    def close(self) -> None:
        """Wait for a read that is under way, then give up the clients and with them their connections and threads."""
        with self._busy:
            if self._consumer is not None:
                self._consumer.close()
            self._admin = self._consumer = None

    def read(self) -> Reading | Unknown:
        """One reading; never raises what Kafka or the network do."""
        with self._busy:
            if self._consumer is None:
                return Unknown("Closed", "The reader was closed.")
            self._last_error = None
            try:
                return self._read()
            except KafkaException as error:
                self._known = None
                self._admin.poll(0)  # hands over the errors of the connection, which say more than "timed out"
                return self._unknown(error.args[0])
            except TimeoutError:
                return Unknown("KafkaUnreachable", "Kafka did not answer in time")

    def _read(self) -> Reading | Unknown:
        described = self._admin.describe_topics(TopicCollection([self._topic]), request_timeout=self._timeout)
        asked, groups = described[self._topic], self._admin.list_consumer_groups(request_timeout=self._timeout)
        # Both are waited for, also when one fails: a client must not be freed under a request. librdkafka's own
        # timeout comes first; the second here is for what it may take to hand the results over.
        if wait([asked, groups], self._timeout + 1.0).not_done:
            raise TimeoutError
        topic, group = asked.result(), self._group_of(groups.result())
        numbers = [partition.id for partition in topic.partitions]
        self._learn(str(topic.topic_id), len(numbers))
        # Commits before ends: what is committed in between must not look as if it were past the end.
        commits = _offsets(self._consumer.committed(self._asked(numbers, 0), timeout=self._timeout))
        starts = _offsets(
            self._consumer.offsets_for_times(self._asked(numbers, OFFSET_BEGINNING), timeout=self._timeout)
        )
        ends = _offsets(self._consumer.offsets_for_times(self._asked(numbers, OFFSET_END), timeout=self._timeout))
        self._admin.poll(0)
        self._known = (str(topic.topic_id), len(numbers))
        committed = {number: offset for number, offset in commits.items() if offset >= 0}
        return Reading(
            str(topic.topic_id),
            {n: PartitionOffsets(starts[n], max(ends[n], starts[n]), committed.get(n)) for n in numbers},
            group,
        )

    def _learn(self, topic_id: str, partitions: int) -> None:
        """Make the consumer look at a topic that is new, grown or made again; by itself it looks every 5 minutes."""
        if self._known != (topic_id, partitions):
            self._consumer.list_topics(self._topic, timeout=self._timeout)

    def _asked(self, numbers: list[int], offset: int) -> list[Any]:
        """For offsets_for_times the offset is a timestamp; the broker takes -2 as the log's start and -1 as its end."""
        return [TopicPartition(self._topic, number, offset) for number in numbers]

    def _group_of(self, listed: Any) -> Group:
        found = next((group for group in listed.valid if group.group_id == self._group), None)
        if found is None:  # a broker that did not answer may be the one that has it
            return Group("Unknown", None) if listed.errors else Group("Absent", 0)
        # What the client has no name for are the two states of a KIP-848 group that rebalances.
        state = _STATES.get(found.state, "Rebalancing" if found.type == ConsumerGroupType.CONSUMER else "Unknown")
        return Group(state, 0 if state in ("Empty", "Absent") else None, _PROTOCOLS.get(found.type, "unknown"))

    def _remember(self, error: Any) -> None:
        # An error that says why is followed by others that only say that there is no connection.
        if self._last_error is None or self._last_error.code() not in _UNKNOWN_REASONS:
            self._last_error = error

    def _unknown(self, error: Any) -> Unknown:
        cause = self._last_error
        if cause is not None and cause.code() in _UNKNOWN_REASONS:
            error = cause
        reason, advice = _UNKNOWN_REASONS.get(error.code(), ("KafkaUnreachable", "the offsets could not be read"))
        text = f"{advice} ({error.str()})"
        if cause is not None and cause is not error:
            text += f"; {cause.str()}"
        return Unknown(reason, text)


def _offsets(answers: list[Any]) -> dict[int, int]:
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)
    return {answer.partition: answer.offset for answer in answers}
