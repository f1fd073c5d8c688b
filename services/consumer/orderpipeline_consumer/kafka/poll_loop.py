"""The thread that owns the Kafka consumer: it polls, commits and answers rebalances whatever the handlers are doing.

No other thread uses the consumer, except for commits. Handlers may take longer than max.poll.interval: partitions are
paused meanwhile, and polling goes on."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, KafkaException

from orderpipeline_common.supervision import Activity
from orderpipeline_consumer.errors import ProtocolError, TopicRecreatedError
from orderpipeline_consumer.fetching.source import Controls, Source
from orderpipeline_consumer.kafka.backpressure import Backpressure
from orderpipeline_consumer.kafka.client import from_kafka, is_fatal, is_member, is_reachable, lacks_protocol, to_kafka
from orderpipeline_consumer.kafka.commits import Commits
from orderpipeline_consumer.kafka.dispatcher_proxy import DispatcherProxy
from orderpipeline_consumer.kafka.positions import Positions
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.partition import AssignedPartition
from orderpipeline_consumer.records.batch import Entry
from orderpipeline_consumer.records.topic_partition import TopicPartition

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.1
PAUSED_POLL_SECONDS: Final = 0.01
HOLD_SECONDS: Final = 0.002
MAX_REVOKE_SECONDS: Final = 30.0
LEAVE_SHARE: Final = 0.2
MAX_LEAVE_SECONDS: Final = 10.0
"""This share of the drain time, and no more than this, is reserved for the last commit and for leaving the group."""

MakeConsumer = Callable[[Callable[[KafkaError], None], Callable[[Mapping[str, Any]], None]], Consumer]
"""Takes the callbacks for errors and for statistics of the group."""


@dataclass(frozen=True, slots=True)
class DrainLimits:
    """`revoke_seconds` bounds the drain when partitions move to another consumer, `drain_seconds` the drain when this
    one stops, and `leave_seconds` the time until the last attempt to commit; the latter two count from the stop."""

    revoke_seconds: float
    drain_seconds: float
    leave_seconds: float

    @classmethod
    def within(cls, seconds: float) -> "DrainLimits":
        """Divide the time for stopping: first for the handlers, then for the last commit, then for leaving."""
        reserved = min(MAX_LEAVE_SECONDS, LEAVE_SHARE * seconds)
        return cls(min(seconds, MAX_REVOKE_SECONDS), seconds - reserved, seconds - reserved / 2)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is consumed and how: the topic, the consumer, the source of its records, where its partitions begin, and the
    time for giving them up."""

    topic: str
    make_consumer: MakeConsumer
    source: Source
    positions: Positions
    drain_limits: DrainLimits


class PollLoop:
    """Call `run` in a thread. `joined` tells whether the group has let this consumer in, `reachable` whether the
    group's coordinator answered recently, `stopping` that it drains or has ended."""

    def __init__(
        self,
        subscription: Subscription,
        dispatcher: DispatcherProxy,
        backpressure: Backpressure,
        commits: Commits,
        metrics: Metrics,
        activity: Activity,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._subscription = subscription
        self._source = subscription.source
        self._positions = subscription.positions
        self._limits = subscription.drain_limits
        self._dispatcher = dispatcher
        self._backpressure = backpressure
        self._commits = commits
        self._metrics = metrics
        self._activity = activity
        self._clock = clock
        self._stop = threading.Event()
        self._assigned: dict[TopicPartition, AssignedPartition] = {}
        self._failure: Exception | None = None
        self._stopped_at: float | None = None
        self.joined = False
        self.reachable = True
        self.stopping = False

    def seconds_without_progress(self) -> float:
        """Seconds since the loop's last turn, or since the commit in progress began. From any thread."""
        return max(self._activity.silent, self._commits.activity.silent)

    def stop(self) -> None:
        """Tell the thread to drain, commit, leave the group and end. From any thread."""
        if self._stopped_at is None:
            self._stopped_at = self._clock()
        self.stopping = True
        self._stop.set()

    def fail(self, error: Exception) -> None:
        """As `stop`, and `run` raises the error. From any thread."""
        self._failure = self._failure or error
        self.stop()

    def run(self) -> None:
        """Consume until `stop`. Raises what it cannot recover from, TopicRecreatedError and OtherClientError; leaves
        the group in any case."""
        consumer = self._subscription.make_consumer(self._on_error, self._on_group)
        try:
            controls = self._source.attach(consumer)
            consumer.subscribe(
                [self._subscription.topic],
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_lost,
            )
            while not self._stop.is_set():
                self._activity.turn()
                self._position(consumer, controls)
                self._backpressure.update(controls, self._assigned.values())
                self._commits.commit_if_due(consumer, self._assigned.values())
                if self._backpressure.hold_polling:
                    self._stop.wait(HOLD_SECONDS)
                else:
                    self._poll(consumer)
        finally:
            self.stopping = True
            self._activity.idle()  # the drain has a deadline of its own, after which the process ends
            try:
                self._leave(consumer)
            finally:
                self._commits.join()
                self._source.close()
                consumer.close()  # calls on_revoke for what is still assigned, which is drained and committed by then
        if self._failure is not None:
            raise self._failure

    def _poll(self, consumer: Consumer) -> None:
        seconds = PAUSED_POLL_SECONDS if self._backpressure.any_paused else POLL_SECONDS
        fetched = self._source.poll(consumer, seconds)
        for error in fetched.errors:
            self._on_error(error)
        entries: dict[AssignedPartition, list[Entry]] = {}
        for batch in fetched.batches:
            partition = self._assigned.get(batch.topic_partition)
            if partition is not None and partition.positioned:  # otherwise it was revoked, or these are not its first
                partition.fetched += len(batch)
                entries.setdefault(partition, []).append(batch)
        for topic_partition, end in fetched.ends:
            partition = self._assigned.get(topic_partition)
            if partition is not None and partition.positioned:
                entries.setdefault(partition, []).append(end)
        if entries:
            self._dispatcher.receive(entries)

    def _position(self, consumer: Consumer, controls: Controls) -> None:
        """Begin with partitions that were assigned, or must be anew; each has to know where first."""
        restart = [each for each in self._assigned.values() if each.restart]
        if self._positions.topic_was_recreated():
            held = list(self._assigned.values())
            self._dispatcher.drain(held, self._limits.revoke_seconds)
            self._forget(held)  # a commit would be one of the new topic
            raise TopicRecreatedError(f"topic {self._subscription.topic} was made anew")
        if restart:
            self._dispatcher.remove(restart)
            for each in restart:
                log.info("partition %s begins again: %s", each.topic_partition, each.restart)
                self._assigned[each.topic_partition] = AssignedPartition(each.topic_partition)
        for each in self._positions.read(consumer, self._assigned.values()):
            self._dispatcher.assign(each)
        self._positions.seek(controls, self._assigned.values())

    def _on_error(self, error: KafkaError) -> None:
        if lacks_protocol(error):
            self.fail(ProtocolError(error.str()))
        elif is_fatal(error):
            self.fail(KafkaException(error))
        else:
            log.warning("kafka: %s", error.str())

    def _on_group(self, group: Mapping[str, Any]) -> None:
        self.joined = self.joined or is_member(group)
        self.reachable = is_reachable(group)

    def _on_assign(self, consumer: Consumer, partitions: list[confluent_kafka.TopicPartition]) -> None:
        log.info("assigned partitions %s", _numbers(partitions))
        self._metrics.rebalances.labels("assigned").inc()
        if self.stopping:  # partitions of others that leave too: accepted, as the group requires, but not consumed
            consumer.incremental_assign(partitions)
            return
        assigned = [from_kafka(each) for each in partitions]
        self._source.prepare(consumer, partitions)
        added = {each: AssignedPartition(each) for each in assigned}
        for known in self._positions.read(consumer, added.values()):
            self._dispatcher.assign(known)
        consumer.incremental_assign([to_kafka(each, added[each].preliminary) for each in assigned])
        self._assigned |= added
        self.joined = True
        self._metrics.partitions_assigned.set(len(self._assigned))

    def _on_revoke(self, consumer: Consumer, partitions: list[confluent_kafka.TopicPartition]) -> None:
        log.info("revoked partitions %s", _numbers(partitions))
        self._metrics.rebalances.labels("revoked").inc()
        self._give_up(consumer, self._held(partitions), self._limits.revoke_seconds)

    def _on_lost(self, _: Consumer, partitions: list[confluent_kafka.TopicPartition]) -> None:
        log.warning("lost partitions %s, nothing of them is committed", _numbers(partitions))
        self._metrics.rebalances.labels("lost").inc()
        self._forget(self._held(partitions))

    def _held(self, partitions: list[confluent_kafka.TopicPartition]) -> list[AssignedPartition]:
        return [self._assigned[key] for key in map(from_kafka, partitions) if key in self._assigned]

    def _give_up(self, consumer: Consumer, partitions: list[AssignedPartition], seconds: float) -> None:
        """Drain, commit, forget. Never raises, as a callback must not; what was not committed is delivered again."""
        if not partitions:
            return
        try:
            self._dispatcher.drain(partitions, seconds)
            self._commits.commit_before_revoke(consumer, partitions)
        except Exception:
            log.exception("could not commit revoked partitions, their last orders will be delivered again")
        finally:
            self._forget(partitions)

    def _leave(self, consumer: Consumer) -> None:
        """Drain and commit everything. During a rebalance the group refuses commits of members that have not followed,
        so polling goes on for a moment; what that brings is ignored."""
        held = list(self._assigned.values())
        if not held:
            return
        # A revoke that was in progress at the stop has used up some of the time.
        now = self._clock()
        stopped_at = now if self._stopped_at is None else self._stopped_at
        self._dispatcher.drain(held, max(0.0, stopped_at + self._limits.drain_seconds - now))
        while True:
            try:
                self._commits.commit(consumer, self._assigned.values())
            except KafkaException as error:
                if self._clock() >= stopped_at + self._limits.leave_seconds:
                    log.warning("the last commit was refused, its orders will be delivered again: %s", error)
                    return
                log.info("retrying the last commit: %s", error)
                consumer.poll(POLL_SECONDS)
            else:
                return

    def _forget(self, partitions: Sequence[AssignedPartition]) -> None:
        self._source.forget([partition.topic_partition for partition in partitions])
        for partition in partitions:
            self._assigned.pop(partition.topic_partition, None)
        self._metrics.partitions_assigned.set(len(self._assigned))
        self._dispatcher.remove(partitions)


def _numbers(partitions: list[confluent_kafka.TopicPartition]) -> list[int]:
    return sorted(each.partition for each in partitions)
