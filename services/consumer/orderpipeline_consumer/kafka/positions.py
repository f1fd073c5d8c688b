"""Finds out where assigned partitions begin, makes the client read from there, and notices that a topic was made anew.

All methods belong to the poll loop's thread."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from confluent_kafka import Consumer, KafkaException

from orderpipeline_consumer.errors import UnavailableError
from orderpipeline_consumer.fetching.source import Controls
from orderpipeline_consumer.kafka.client import to_kafka
from orderpipeline_consumer.kafka.topic_reader import TopicReader, TopicState
from orderpipeline_consumer.processing.partition import AssignedPartition
from orderpipeline_consumer.processing.start import LogState
from orderpipeline_consumer.records.commit import Commit
from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.records.topic_partition import TopicPartition

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1.0
WATCH_SECONDS: Final = 5.0
"""How often the topic's id is asked for. The client goes on in a topic that was made anew as if it were the old one."""


@dataclass(frozen=True, slots=True)
class FirstStart:
    """Where a group begins that has committed nothing: with `skip_old`, behind the orders that were placed before
    `since`, by default behind all that are there.

    Commits go with their topic. A group whose topic was made anew while it had no consumer looks like a new one, and
    only `since` tells that nothing of the new topic is old."""

    skip_old: bool = False
    since: datetime | None = None


class Positions:
    """`topic` is the subscription's. What is added to the topic later is read from its beginning, as is a topic made
    anew."""

    def __init__(self, reader: TopicReader, topic: str, first: FirstStart, *, clock: Callable[[], float]) -> None:
        self._reader = reader
        self._topic = topic
        self._first = first
        self._clock = clock
        self._topic_id = ""
        self._recreated = self._news = False
        self._read_at = 0.0
        self._asked_at = clock()
        self._answer: Future[str] | None = None

    def read(self, consumer: Consumer, partitions: Iterable[AssignedPartition]) -> list[AssignedPartition]:
        """Ask Kafka for the logs of those partitions whose log is not known yet; returns those that are known now. None
        if Kafka does not answer, or has failed to a moment ago."""
        unread = [each for each in partitions if each.log is None]
        if not unread or self._clock() < self._read_at:
            return []
        try:
            state = self._reader.read()
            commits = self._commits(consumer, state)
        except (UnavailableError, KafkaException) as error:
            log.warning("the start of %d partitions is not known yet: %s", len(unread), error)
            self._read_at = self._clock() + RETRY_SECONDS
            return []
        self._see(state.topic_id)
        for each in unread:
            number = each.topic_partition.partition
            if number in state.logs:
                each.log = _log_state(state, number, commits.get(number), self._recreated)
        return [each for each in unread if each.log is not None]

    def seek(self, controls: Controls, partitions: Iterable[AssignedPartition]) -> None:
        """Read from where each partition starts. The client checks the position's leader epoch, and if the log was cut
        since, it reads from there."""
        for each in partitions:
            if each.start is None or each.positioned:
                continue
            try:
                controls.seek(to_kafka(each.topic_partition, each.start.position))
            except KafkaException as error:  # the client has not begun with the partition
                log.debug("partition %s can't be read yet: %s", each.topic_partition, error)
            else:
                each.positioned = True
                commit = None if each.log is None else each.log.commit
                if commit is not None and commit.topic_id and commit.position.offset == each.offsets.next_offset:
                    each.committed, each.committed_tracker = commit.position.offset, each.offsets
                    each.committed_completed = commit.done

    def topic_was_recreated(self) -> bool:
        """Whether the topic has another id than before; once for each time that it was made anew."""
        self._watch_topic_id()
        found, self._news = self._news, False
        return found

    def _watch_topic_id(self) -> None:
        """Ask for the topic's id now and again, and take in the answer when it is there."""
        now = self._clock()
        if self._answer is None:
            if self._topic_id and now >= self._asked_at + WATCH_SECONDS:
                self._asked_at = now
                self._answer = self._reader.request_topic_id()
        elif self._answer.done():
            answer, self._answer = self._answer, None
            if answer.exception() is None:
                self._see(answer.result())

    def _see(self, topic_id: str) -> None:
        if self._topic_id not in ("", topic_id):
            self._recreated = self._news = True
        self._topic_id = topic_id

    def _commits(self, consumer: Consumer, state: TopicState) -> dict[int, Commit]:
        """The group's commits. At its first start, if it skips orders, that is committed for all partitions at once: a
        partition without a commit is then one that was added later."""
        first = self._first
        if state.commits or not first.skip_old or self._topic_id:
            return dict(state.commits)
        starts = {number: end for number, (_, end) in state.logs.items()}
        if first.since is not None:
            starts |= self._reader.read_offsets_since(first.since, starts)
        commits = {number: Commit(LogPosition(start), state.topic_id) for number, start in starts.items()}
        offsets = [
            to_kafka(TopicPartition(self._topic, number), commit.position, commit.metadata)
            for number, commit in commits.items()
        ]
        for result in consumer.commit(offsets=offsets, asynchronous=False):
            if result.error is not None:
                raise KafkaException(result.error)
        log.info("the group's first start in topic %s: it skips what is below %s", self._topic, starts)
        return commits


def _log_state(state: TopicState, number: int, commit: Commit | None, recreated: bool) -> LogState:
    """`recreated` tells that this process knows an earlier topic of this name; a commit may tell as well."""
    begin, end = state.logs[number]
    if commit is not None and commit.topic_id != state.topic_id and (commit.topic_id or recreated):
        commit, recreated = None, True
    return LogState(state.topic_id, begin, end, commit, recreated)
