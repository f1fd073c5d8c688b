"""A poll loop on a Kafka consumer that follows a script."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from prometheus_client import CollectorRegistry

from orderpipeline_common.activities import ConsumerActivity
from orderpipeline_common.supervision import Supervisor
from orderpipeline_consumer.errors import UnavailableError
from orderpipeline_consumer.fetching.confluent import ConfluentSource
from orderpipeline_consumer.fetching.source import Source
from orderpipeline_consumer.kafka.backpressure import Backpressure, BackpressureLimits
from orderpipeline_consumer.kafka.commits import Commits
from orderpipeline_consumer.kafka.dispatcher_proxy import DispatcherProxy
from orderpipeline_consumer.kafka.poll_loop import DrainLimits, PollLoop, Subscription
from orderpipeline_consumer.kafka.positions import FirstStart, Positions
from orderpipeline_consumer.kafka.topic_reader import TopicState
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.records.commit import Commit
from orderpipeline_consumer.records.log_position import LogPosition
from tests.support.waiting import settles
from tests.unit.consumer.dispatcher_harness import DispatcherHarness


class Message:
    """A message with an order."""

    def __init__(self, partition: int, offset: int) -> None:
        self._partition, self._offset = partition, offset

    def error(self) -> None: ...

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return (1, 1)

    def key(self) -> bytes:
        return b"c"

    def value(self) -> bytes:
        return b'{"customer_id":"c%d","product_id":"p","quantity":1,"amount":1}' % self._offset

    def headers(self) -> None: ...

    def leader_epoch(self) -> int:
        return 3


class ScriptedConsumer:
    """Each poll runs the next step of a script: a callback of the group, or a message."""

    def __init__(self, script: list[Callable[["ScriptedConsumer"], Any]]) -> None:
        self.script = script
        self.commits: list[dict[int, int]] = []
        self.refusals = 0
        self.bugs = 0
        self.paused: set[int] = set()
        self.sought: dict[int, int] = {}
        self.closed = False
        self.commit_answered = threading.Event()
        self.commit_answered.set()
        self.at_close: Callable[[ScriptedConsumer], None] = lambda _: None

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self.callbacks = callbacks

    def call(self, name: str, *partitions: int) -> None:
        self.callbacks[name](self, [TopicPartition("orders", partition) for partition in partitions])

    def poll(self, timeout: float) -> Any:
        time.sleep(0.002)
        return self.script.pop(0)(self) if self.script else None

    def consume(self, count: int, timeout: float) -> list[Any]:
        return []

    def incremental_assign(self, partitions: list[TopicPartition]) -> None: ...

    def seek(self, partition: TopicPartition) -> None:
        self.sought[partition.partition] = partition.offset

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= {one.partition for one in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {one.partition for one in partitions}

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        assert not asynchronous
        assert not self.closed
        self.commit_answered.wait(60)
        if self.bugs:
            self.bugs -= 1
            raise ValueError("a bug")
        if self.refusals:
            self.refusals -= 1
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION))
        self.commits.append({one.partition: one.offset for one in offsets})
        return offsets

    def close(self) -> None:
        self.at_close(self)
        self.closed = True


class FixedTopicReader:
    """A topic with three partitions, in which the group has committed offset 5 of each."""

    def __init__(self, commits: dict[int, Commit] | None = None) -> None:
        known = {number: Commit(LogPosition(5), "id") for number in range(3)}
        self.state = TopicState("id", dict.fromkeys(range(3), (0, 10**6)), known if commits is None else commits)
        self.since: dict[datetime, dict[int, int]] = {}
        self.failures = 0

    def read(self) -> TopicState:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("no broker")
        return self.state

    def read_offsets_since(self, since: datetime, partitions: Collection[int]) -> Mapping[int, int]:
        return {number: offset for number, offset in self.since[since].items() if number in partitions}

    def request_topic_id(self) -> "Future[str]":
        answer: Future[str] = Future()
        answer.set_result(self.state.topic_id)
        return answer


class PollLoopHarness:
    """Runs a poll loop until the script has ended, then stops it."""

    def __init__(
        self,
        script: list[Callable[[ScriptedConsumer], Any]],
        limits: BackpressureLimits | None = None,
        *,
        source: Source | None = None,
        reader: "FixedTopicReader | None" = None,
        first: FirstStart | None = None,
        positions: Positions | None = None,
        drain: DrainLimits | None = None,
    ) -> None:
        harness = DispatcherHarness(workers=10, batch_size=1)
        self.sink = harness.sink
        self.restarts = harness.restarts
        self.dispatcher = harness.dispatcher
        self.consumer = ScriptedConsumer(script)
        self.reader = reader or FixedTopicReader()
        self.positions = positions or Positions(self.reader, "orders", first or FirstStart(), clock=time.monotonic)
        metrics = Metrics(CollectorRegistry())
        self.ahead = 0.0
        self.supervisor = Supervisor(lambda: time.monotonic() + self.ahead)
        commit = self.supervisor.add(ConsumerActivity.COMMIT)
        self.poll_loop = PollLoop(
            Subscription(
                "orders",
                lambda *_: self.consumer,  # type: ignore[arg-type, return-value]
                source or ConfluentSource("orders"),
                self.positions,
                drain or DrainLimits(revoke_seconds=1, drain_seconds=1, leave_seconds=1.5),
            ),
            DispatcherProxy(self.dispatcher, asyncio.get_running_loop(), self._fail),
            Backpressure(limits or BackpressureLimits(1000, 10**6, 10_000), clock=time.monotonic),
            Commits(1, metrics, lambda _: None, commit, clock=time.monotonic),
            metrics,
            self.supervisor.add(ConsumerActivity.KAFKA),
            clock=time.monotonic,
        )
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)

    def _fail(self, error: Exception) -> None:
        self.poll_loop.fail(error)

    @property
    def committed(self) -> dict[int, int]:
        """The last committed offset of each partition."""
        merged: dict[int, int] = {}
        for commit in self.consumer.commits:
            merged |= commit
        return merged

    async def run(self, until: Callable[[], bool] = lambda: True) -> None:
        self.thread.start()
        await settles(
            "the end of the script",
            lambda: (not self.consumer.script and until()) or not self.thread.is_alive(),
            every=0.002,
        )
        self.poll_loop.stop()
        await settles("the end of the poll loop", lambda: not self.thread.is_alive(), every=0.002)
        assert self.consumer.closed

    def _run(self) -> None:
        try:
            self.poll_loop.run()
        except BaseException as error:
            self.error = error


def pause(_: ScriptedConsumer) -> None:
    """Nothing happens for a moment."""
    time.sleep(0.02)


def assign(*partitions: int) -> Callable[[ScriptedConsumer], None]:
    return lambda consumer: consumer.call("on_assign", *partitions)


def revoke(*partitions: int) -> Callable[[ScriptedConsumer], None]:
    return lambda consumer: consumer.call("on_revoke", *partitions)


def lose(*partitions: int) -> Callable[[ScriptedConsumer], None]:
    return lambda consumer: consumer.call("on_lost", *partitions)


def message(partition: int, offset: int) -> Callable[[ScriptedConsumer], Message]:
    return lambda _: Message(partition, offset)
