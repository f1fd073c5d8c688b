"""The thread that owns the Kafka consumer: it polls, commits and answers rebalances whatever the handlers are doing.

Nobody else touches the consumer. Handlers may take longer than max.poll.interval: partitions are paused meanwhile,
and the polling goes on. The engine lives on the event loop; calls go over by the loop, positions are read as they
stand."""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from orderpipeline_consumer.errors import ProtocolError
from orderpipeline_consumer.fetching.confluent import MessageSource
from orderpipeline_consumer.fetching.source import Source
from orderpipeline_consumer.kafka.backpressure import Flow
from orderpipeline_consumer.kafka.client import is_fatal, is_member, is_reachable, lacks_protocol
from orderpipeline_consumer.kafka.commits import Commits
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.dispatcher import Engine
from orderpipeline_consumer.processing.partition import Partition
from orderpipeline_consumer.records.batch import Lot

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.1
WAIT_SECONDS: Final = 0.002
MakeConsumer = Callable[[Callable[[KafkaError], None], Callable[[Mapping[str, Any]], None]], Consumer]


@dataclass(frozen=True, slots=True)
class Limits:
    """`revoke_seconds` bounds the drain when partitions go to another consumer, `drain_seconds` that when this one
    stops, and `leave_seconds` the time from the stop to the last try to commit; both count from the stop."""

    revoke_seconds: float
    drain_seconds: float
    leave_seconds: float


class Intake:
    """Run `run` in a thread. `beat` is the clock's time of the last turn of its loop, `joined` whether the group has
    let it in, `reachable` whether the group's coordinator answered lately."""

    def __init__(
        self,
        make_consumer: MakeConsumer,
        topic: str,
        engine: Engine,
        loop: asyncio.AbstractEventLoop,
        flow: Flow,
        commits: Commits,
        metrics: Metrics,
        limits: Limits,
        *,
        clock: Callable[[], float],
        source: Source | None = None,
    ) -> None:
        """`source` is the way to take records; None is that of the Kafka client itself."""
        self._make_consumer = make_consumer
        self._topic = topic
        self._engine = engine
        self._loop = loop
        self._flow = flow
        self._commits = commits
        self._metrics = metrics
        self._limits = limits
        self._clock = clock
        self._source: Source = source or MessageSource(topic)
        self._stop = threading.Event()
        self._assigned: dict[int, Partition] = {}
        self._failure: Exception | None = None
        self._stopped: float | None = None
        self.beat = clock()
        self.joined = False
        self.reachable = True
        self.stopping = False

    def silent(self) -> float:
        """Seconds since the thread's last turn, or since the commit under way began. From any thread."""
        since = self._commits.since
        return self._clock() - (self.beat if since is None else min(self.beat, since))

    def stop(self) -> None:
        """Ask the thread to drain, commit, leave the group and end. From any thread."""
        if self._stopped is None:
            self._stopped = self._clock()
        self.stopping = True
        self._stop.set()

    def fail(self, error: Exception) -> None:
        """As stop, and `run` raises the error. From any thread."""
        self._failure = self._failure or error
        self.stop()

    def run(self) -> None:
        """Consume until `stop`. Raises what makes going on impossible; the group is left in any case."""
        consumer = self._make_consumer(self._on_error, self._on_group)
        try:
            self._source.attach(consumer)
            consumer.subscribe(
                [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            while not self._stop.is_set():
                self.beat = self._clock()
                self._flow.steer(consumer, self._assigned.values())
                self._commits.maybe(consumer, self._assigned.values())
                if self._flow.waiting:
                    self._stop.wait(WAIT_SECONDS)
                else:
                    self._take(consumer)
        finally:
            self.stopping = True
            try:
                self._leave(consumer)
            finally:
                self._commits.wait()
                self._source.close()
                consumer.close()  # calls on_revoke for what is still assigned, which is drained and committed by then
        if self._failure is not None:
            raise self._failure

    def _take(self, consumer: Consumer) -> None:
        taken = self._source.take(consumer, POLL_SECONDS if not self._flow.holding else POLL_SECONDS / 10)
        for error in taken.errors:
            self._on_error(error)
        entries: dict[Partition, list[Lot | int]] = {}
        for number, lot in taken.lots:
            partition = self._assigned.get(number)
            if partition is not None:  # it may have been revoked meanwhile
                partition.handed += len(lot)
                entries.setdefault(partition, []).append(lot)
        for number, end in taken.ends:
            if number in self._assigned:
                entries.setdefault(self._assigned[number], []).append(end)
        if entries:
            self._loop.call_soon_threadsafe(self._receive, entries)

    def _receive(self, entries: dict[Partition, list[Lot | int]]) -> None:
        for partition, found in entries.items():
            self._engine.receive(partition, found)

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

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("assigned partitions %s", sorted(one.partition for one in partitions))
        self._metrics.rebalances.labels("assigned").inc()
        if self.stopping:  # others leave, too, and what they had comes here until this member has left; nobody takes it
            consumer.incremental_assign(partitions)
            return
        self._source.lead([one.partition for one in partitions])
        if partitions:
            consumer.resume(partitions)  # the client remembers what was paused when it was given up
        consumer.incremental_assign(partitions)
        for one in partitions:
            partition = self._assigned[one.partition] = Partition(one.partition)
            self._loop.call_soon_threadsafe(self._engine.assign, partition)
        self.joined = True
        self._metrics.assigned.set(len(self._assigned))

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("revoked partitions %s", sorted(one.partition for one in partitions))
        self._metrics.rebalances.labels("revoked").inc()
        held = [self._assigned[one.partition] for one in partitions if one.partition in self._assigned]
        self._give_up(consumer, held, self._limits.revoke_seconds)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.warning("lost partitions %s, nothing of them is committed", sorted(one.partition for one in partitions))
        self._metrics.rebalances.labels("lost").inc()
        held = [self._assigned[one.partition] for one in partitions if one.partition in self._assigned]
        self._forget(held)

    def _give_up(self, consumer: Consumer, partitions: list[Partition], seconds: float) -> None:
        """Drain, commit, forget. Never raises, for a callback must not; what was not committed is delivered again."""
        if not partitions:
            return
        try:
            self._await(self._engine.drain(partitions, seconds), seconds + 2.0)
            self._commits.finally_(consumer, partitions)
        except Exception:
            log.exception("could not commit what is given up, its last orders will be delivered again")
        finally:
            self._forget(partitions)

    def _leave(self, consumer: Consumer) -> None:
        """Drain and commit everything. While the group rebalances it refuses commits of those who have not followed, so
        polling goes on for a moment; what that brings is not taken."""
        held = list(self._assigned.values())
        if not held:
            return
        # A revoke that was under way when the stop came has used up some of the time.
        now = self._clock()
        stopped = now if self._stopped is None else self._stopped
        seconds = max(0.0, stopped + self._limits.drain_seconds - now)
        self._await(self._engine.drain(held, seconds), seconds + 2.0)
        while True:
            try:
                self._commits.now(consumer, self._assigned.values())
            except KafkaException as error:
                if self._clock() >= stopped + self._limits.leave_seconds:
                    log.warning("the last commit was refused, its orders will be delivered again: %s", error)
                    return
                log.info("the last commit waits: %s", error)
                consumer.poll(POLL_SECONDS)
            else:
                return

    def _forget(self, partitions: list[Partition]) -> None:
        for partition in partitions:
            self._assigned.pop(partition.number, None)
        self._metrics.assigned.set(len(self._assigned))
        asyncio.run_coroutine_threadsafe(self._engine.remove(partitions), self._loop)

    def _await(self, work: Coroutine[Any, Any, None], seconds: float) -> None:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            future.result(seconds)
        except TimeoutError:
            future.cancel()
            log.warning("the event loop did not answer within %.0f s; is a handler blocking it?", seconds)
