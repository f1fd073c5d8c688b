"""Rebalances: what is committed, when, and what never."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from prometheus_client import CollectorRegistry

from orderpipeline_consumer.errors import ProtocolError
from orderpipeline_consumer.kafka.backpressure import Bounds, Flow
from orderpipeline_consumer.kafka.commits import Commits
from orderpipeline_consumer.kafka.poll_loop import Intake, Limits
from orderpipeline_consumer.metrics import Metrics
from orderpipeline_consumer.processing.partition import Partition
from orderpipeline_consumer.service import limits
from tests.unit.consumer.processing.test_dispatcher import World


class Message:
    """A message of partition `number`."""

    def __init__(self, number: int, offset: int) -> None:
        self._place = (number, offset)

    def error(self) -> None: ...

    def partition(self) -> int:
        return self._place[0]

    def offset(self) -> int:
        return self._place[1]

    def timestamp(self) -> tuple[int, int]:
        return (1, 1)

    def key(self) -> bytes:
        return b"c"

    def value(self) -> bytes:
        return b'{"customer_id":"c%d","product_id":"p","quantity":1,"amount":1}' % self._place[1]

    def headers(self) -> None: ...


class ScriptedConsumer:
    """Each poll does the next step of a script: a callback of the group, or messages."""

    def __init__(self, script: list[Callable[["ScriptedConsumer"], Any]]) -> None:
        self.script = script
        self.commits: list[dict[int, int]] = []
        self.refuse = 0
        self.paused: set[int] = set()
        self.closed = False
        self.answers = threading.Event()
        self.answers.set()
        self.at_close: Callable[[ScriptedConsumer], None] = lambda _: None

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self.callbacks = callbacks

    def call(self, name: str, *numbers: int) -> None:
        self.callbacks[name](self, [TopicPartition("orders", number) for number in numbers])

    def poll(self, timeout: float) -> Any:
        time.sleep(0.005)
        return self.script.pop(0)(self) if self.script else None

    def consume(self, count: int, timeout: float) -> list[Any]:
        return []

    def incremental_assign(self, partitions: list[TopicPartition]) -> None: ...

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= {one.partition for one in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {one.partition for one in partitions}

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        assert not asynchronous
        assert not self.closed
        self.answers.wait(60)
        if self.refuse:
            self.refuse -= 1
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION))
        self.commits.append({one.partition: one.offset for one in offsets})
        return offsets

    def close(self) -> None:
        self.at_close(self)
        self.closed = True


class Group:
    """An intake on a scripted consumer; runs until the script is done, then stops."""

    def __init__(self, script: list[Callable[[ScriptedConsumer], Any]], bounds: Bounds | None = None) -> None:
        self.world = World(workers=10, batch_size=1)
        self.consumer = ScriptedConsumer(script)
        metrics = Metrics(CollectorRegistry())
        self.intake = Intake(
            lambda *_: self.consumer,  # type: ignore[arg-type, return-value]
            "orders",
            self.world.engine,
            asyncio.get_running_loop(),
            Flow("orders", bounds or Bounds(1000, 10**6, 10_000), clock=time.monotonic),
            Commits("orders", 1, metrics, lambda _: None, clock=time.monotonic),
            metrics,
            Limits(revoke_seconds=1, drain_seconds=1, leave_seconds=1.5),
            clock=time.monotonic,
        )
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.intake.run()
        except BaseException as error:
            self.error = error

    async def play(self, until: Callable[[], bool] = lambda: True) -> None:
        self.thread.start()
        async with asyncio.timeout(60):
            while (self.consumer.script or not until()) and self.thread.is_alive():
                await asyncio.sleep(0.002)
            self.intake.stop()
            while self.thread.is_alive():
                await asyncio.sleep(0.002)
        assert self.consumer.closed


def rest(_: ScriptedConsumer) -> None:
    time.sleep(0.05)


def assign(*numbers: int) -> Callable[[ScriptedConsumer], None]:
    return lambda consumer: consumer.call("on_assign", *numbers)


def revoke(*numbers: int) -> Callable[[ScriptedConsumer], None]:
    return lambda consumer: consumer.call("on_revoke", *numbers)


def lose(*numbers: int) -> Callable[[ScriptedConsumer], None]:
    return lambda consumer: consumer.call("on_lost", *numbers)


def give(number: int, offset: int) -> Callable[[ScriptedConsumer], Message]:
    return lambda _: Message(number, offset)


def last(consumer: ScriptedConsumer) -> dict[int, int]:
    merged: dict[int, int] = {}
    for commit in consumer.commits:
        merged |= commit
    return merged


async def test_a_revoked_partition_is_drained_committed_and_never_committed_again() -> None:
    group = Group([assign(0, 1), rest, give(0, 5), give(1, 7), revoke(0), give(0, 6), give(1, 8), rest])
    await group.play(lambda: last(group.consumer).get(1) == 9)
    assert last(group.consumer) == {0: 6, 1: 9}
    assert [commit[0] for commit in group.consumer.commits if 0 in commit][-1] == 6


async def test_a_revoke_waits_for_the_handler_and_then_commits_its_order() -> None:
    group = Group([assign(0), rest, give(0, 5), rest, revoke(0)])
    group.world.sink.gate.clear()
    asyncio.get_running_loop().call_later(0.4, group.world.sink.gate.set)
    await group.play()
    assert group.consumer.commits[-1] == {0: 6}


async def test_a_revoke_beside_a_new_epoch_still_commits() -> None:
    def refuse(consumer: ScriptedConsumer) -> None:
        consumer.refuse = 3
        revoke(0)(consumer)

    group = Group([assign(0), rest, give(0, 5), rest, refuse])
    group.world.sink.gate.clear()
    asyncio.get_running_loop().call_later(0.4, group.world.sink.gate.set)
    await group.play()
    assert group.consumer.commits[-1] == {0: 6}


async def test_a_lost_partition_is_not_committed() -> None:
    group = Group([assign(0), rest, give(0, 5), rest, lose(0), rest])
    group.world.sink.gate.clear()
    await group.play()
    assert last(group.consumer) in ({}, {0: 5}), "5 is where it began, nothing was finished"


async def test_a_handler_that_ends_after_the_partition_came_back_commits_nothing_of_before() -> None:
    group = Group([assign(0), rest, give(0, 5), rest, lose(0), assign(0), rest])
    group.world.sink.gate.clear()
    asyncio.get_running_loop().call_later(0.3, group.world.sink.gate.set)
    await group.play()
    assert last(group.consumer) in ({}, {0: 5})


async def test_a_commit_that_the_group_refuses_while_it_rebalances_is_made_later() -> None:
    group = Group([assign(0), rest, give(0, 5), rest])
    group.consumer.refuse = 3
    await group.play()
    assert last(group.consumer) == {0: 6}
    assert group.error is None


async def test_polling_goes_on_while_a_commit_is_not_answered() -> None:
    def slow(consumer: ScriptedConsumer) -> Message:
        consumer.answers.clear()
        return Message(0, 5)

    def look(_: ScriptedConsumer) -> None:
        silent.append(group.intake.silent())

    def answer(consumer: ScriptedConsumer) -> None:
        silent.append(group.intake.silent())
        consumer.answers.set()

    silent: list[float] = []
    group = Group([assign(0), rest, slow, rest, rest, give(0, 6), rest, look, rest, rest, answer])
    await group.play(lambda: last(group.consumer) == {0: 7})
    assert group.world.sink.done == [5, 6]
    assert silent[1] > silent[0] > 0.05, "readiness hears of it"
    assert group.intake.silent() < 0.05 + silent[0]


async def test_a_revoke_waits_for_the_commit_under_way() -> None:
    def slow(consumer: ScriptedConsumer) -> Message:
        consumer.answers.clear()
        return Message(0, 5)

    group = Group([assign(0), rest, slow, rest, give(0, 6), rest, revoke(0), rest])
    asyncio.get_running_loop().call_later(0.6, group.consumer.answers.set)
    await group.play()
    assert [commit[0] for commit in group.consumer.commits] in ([6, 7], [5, 7])


async def test_leaving_ends_in_time_though_no_commit_is_taken() -> None:
    group = Group([assign(0), rest, give(0, 5), rest])
    group.consumer.refuse = 10**9
    began = time.monotonic()
    await group.play()
    assert 1.4 < time.monotonic() - began < 30, "for ever, if it were not for the limit"
    assert group.error is None


async def test_time_spent_before_leaving_counts_from_the_stop() -> None:
    group = Group([assign(0), rest, give(0, 5), rest, lambda _: (group.intake.stop(), time.sleep(1.2))])
    group.world.sink.gate.clear()
    drain, given = group.world.engine.drain, list[float]()

    async def noting(partitions: Sequence[Partition], seconds: float) -> None:
        given.append(seconds)
        await drain(partitions, seconds)

    group.world.engine.drain = noting  # type: ignore[method-assign]
    await group.play()
    assert given == [0.0], "the drain's second is over when it begins"
    assert last(group.consumer) in ({}, {0: 5})


async def test_readiness_follows_the_coordinator() -> None:
    group = Group([])
    group.intake._on_group({"state": "up", "join_state": "steady"})
    assert (group.intake.joined, group.intake.reachable) == (True, True)
    group.intake._on_group({"state": "wait-broker-transport", "join_state": "steady"})
    assert (group.intake.joined, group.intake.reachable) == (True, False)


@pytest.mark.parametrize("seconds", [1.0, 8.0, 58.0, 3600.0])
def test_draining_committing_and_leaving_share_the_drain_time(seconds: float) -> None:
    found = limits(seconds)
    assert 0.75 * seconds < found.drain_seconds < found.leave_seconds < seconds
    assert found.revoke_seconds <= 30


async def test_a_full_house_pauses_intake_and_polling_goes_on() -> None:
    group = Group([assign(0), rest, *[give(0, n) for n in range(12)], rest], Bounds(10, 10**6, 10_000))
    group.world.sink.gate.clear()
    seen: list[bool] = []

    def full() -> bool:
        seen.append(0 in group.consumer.paused)
        group.world.sink.gate.set()
        return group.consumer.paused == set()

    await group.play(full)
    assert True in seen
    assert last(group.consumer) == {0: 12}


async def test_a_broker_without_the_protocol_is_told_apart() -> None:
    def refuse(_: ScriptedConsumer) -> None:
        text = "Fatal error: Broker: API version not supported: ConsumerGroupHeartbeat fatal error"
        group.intake._on_error(KafkaError(KafkaError._FATAL, text))

    group = Group([refuse])
    await group.play()
    with pytest.raises(ProtocolError):
        raise group.error or AssertionError("it went on")
