"""What Kafka says of the topic and of the group's commits, asked through an admin client of its own."""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

import confluent_kafka
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, OffsetSpec

from orderpipeline_consumer.errors import UnavailableError
from orderpipeline_consumer.kafka.client import Config
from orderpipeline_consumer.records.commit import Commit, read_commit
from orderpipeline_consumer.records.log_position import LogPosition

T = TypeVar("T")

READ_SECONDS: Final = 5.0
"""A reading takes milliseconds. It happens in the thread that polls, so it must not take long."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """`logs` has the first offset and the end of each partition's log, `commits` what the group has committed."""

    topic_id: str
    logs: Mapping[int, tuple[int, int]]
    commits: Mapping[int, Commit]


class TopicReader(Protocol):
    """May be used by one thread at a time."""

    def read(self) -> TopicState:
        """Returns within READ_SECONDS. Raises UnavailableError."""

    def read_offsets_since(self, since: datetime, partitions: Collection[int]) -> Mapping[int, int]:
        """The offset of the first record from `since` on; without those partitions that have none. Returns within
        READ_SECONDS. Raises UnavailableError."""

    def request_topic_id(self) -> "Future[str]":
        """Returns at once; the future fails when Kafka does not answer or there is no such topic."""


class KafkaTopicReader:
    """Connects when it is used first. See `TopicReader`."""

    def __init__(self, connection: Config, topic: str, group: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._topic = topic
        self._group = group
        self._clock = clock
        self._admin: AdminClient | None = None

    def read(self) -> TopicState:
        """Returns within READ_SECONDS. Raises UnavailableError."""
        return self._within(self._read)

    def read_offsets_since(self, since: datetime, partitions: Collection[int]) -> Mapping[int, int]:
        """See `TopicReader`."""
        places = [confluent_kafka.TopicPartition(self._topic, number) for number in partitions]
        spec = OffsetSpec.for_timestamp(int(since.timestamp() * 1000))

        def read(deadline: float) -> Mapping[int, int]:
            remaining = max(0.1, deadline - self._clock())
            found = self._client().list_offsets(dict.fromkeys(places, spec), request_timeout=remaining)
            offsets = {each.partition: answer.result(remaining).offset for each, answer in found.items()}
            return {number: offset for number, offset in offsets.items() if offset >= 0}

        return self._within(read)

    def _within(self, read: Callable[[float], T]) -> T:
        """The result of `read`, which gets the time until which it has to return."""
        try:
            return read(self._clock() + READ_SECONDS)
        except (KafkaException, TimeoutError) as error:
            self._admin = None  # what it remembers of the topic may be what is wrong, so the next one asks anew
            raise UnavailableError(f"kafka: reading the offsets of topic {self._topic}: {error}") from error

    def request_topic_id(self) -> "Future[str]":
        """Returns at once; see `TopicReader`."""
        answer: Future[str] = Future()

        def on_description(description: "Future[Any]") -> None:
            error = description.exception()
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(str(description.result().topic_id))

        self._describe(READ_SECONDS).add_done_callback(on_description)
        return answer

    def _read(self, deadline: float) -> TopicState:
        def remaining() -> float:
            return max(0.1, deadline - self._clock())

        commits = self._client().list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(self._group)], request_timeout=remaining()
        )[self._group]
        description = self._describe(remaining()).result(remaining())
        partitions = [confluent_kafka.TopicPartition(self._topic, each.id) for each in description.partitions]
        begins, ends = (
            self._client().list_offsets(dict.fromkeys(partitions, spec), request_timeout=remaining())
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())  # type: ignore[no-untyped-call]
        )
        logs = {
            each.partition: (begins[each].result(remaining()).offset, ends[each].result(remaining()).offset)
            for each in partitions
        }
        committed = commits.result(remaining()).topic_partitions
        return TopicState(
            str(description.topic_id),
            logs,
            {each.partition: _commit(each) for each in committed if each.topic == self._topic and each.offset >= 0},
        )

    def _describe(self, seconds: float) -> "Future[Any]":
        return self._client().describe_topics(TopicCollection([self._topic]), request_timeout=seconds)[self._topic]

    def _client(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient(dict(self._connection), logger=logging.getLogger("librdkafka"))
        return self._admin


def _commit(committed: confluent_kafka.TopicPartition) -> Commit:
    if committed.error is not None:
        raise KafkaException(committed.error)
    return read_commit(LogPosition(committed.offset, _known(committed.leader_epoch)), committed.metadata)


def _known(leader_epoch: int | None) -> int | None:
    return None if leader_epoch is None or leader_epoch < 0 else leader_epoch
