"""Rebalances: what is committed, when, and what never."""

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest
from confluent_kafka import Consumer, KafkaError

from orderpipeline_consumer.errors import OtherClientError, ProtocolError
from orderpipeline_consumer.fetching.confluent import ConfluentSource
from orderpipeline_consumer.fetching.source import Fetched
from orderpipeline_consumer.kafka.backpressure import BackpressureLimits
from orderpipeline_consumer.kafka.poll_loop import DrainLimits
from orderpipeline_consumer.processing.partition import AssignedPartition
from tests.support.waiting import settles
from tests.unit.consumer.builders import orders
from tests.unit.consumer.poll_loop_harness import (
    Message,
    PollLoopHarness,
    ScriptedConsumer,
    assign,
    lose,
    message,
    pause,
    revoke,
)

SHORT = DrainLimits(revoke_seconds=0.3, drain_seconds=0.3, leave_seconds=0.4)


async def test_a_revoked_partition_is_drained_committed_and_never_committed_again() -> None:
    harness = PollLoopHarness(
        [assign(0, 1), pause, message(0, 5), message(1, 7), revoke(0), message(0, 6), message(1, 8), pause]
    )
    await harness.run(lambda: harness.committed.get(1) == 9)
    assert harness.committed == {0: 6, 1: 9}
    assert [commit[0] for commit in harness.consumer.commits if 0 in commit][-1] == 6


async def test_a_revoke_waits_for_the_handler_and_then_commits_its_order() -> None:
    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause, revoke(0)])
    harness.sink.gate.clear()
    asyncio.get_running_loop().call_later(0.15, harness.sink.gate.set)
    await harness.run()
    assert harness.consumer.commits[-1] == {0: 6}


async def test_a_revoke_during_a_change_of_epoch_still_commits() -> None:
    def refuse(consumer: ScriptedConsumer) -> None:
        consumer.refusals = 3
        revoke(0)(consumer)

    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause, refuse])
    harness.sink.gate.clear()
    asyncio.get_running_loop().call_later(0.15, harness.sink.gate.set)
    await harness.run()
    assert harness.consumer.commits[-1] == {0: 6}


async def test_a_lost_partition_is_not_committed() -> None:
    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause, lose(0), pause])
    harness.sink.gate.clear()
    await harness.run()
    assert harness.committed in ({}, {0: 5}), "5 is where it began, nothing was finished"


async def test_a_handler_of_an_earlier_assignment_commits_nothing() -> None:
    loop = asyncio.get_running_loop()

    def open_the_gate(_: ScriptedConsumer) -> None:
        loop.call_soon_threadsafe(harness.sink.gate.set)

    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause, lose(0), assign(0), open_the_gate, pause])
    harness.sink.gate.clear()
    await harness.run()
    assert harness.committed in ({}, {0: 5})


async def test_a_commit_refused_during_a_rebalance_is_retried() -> None:
    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause])
    harness.consumer.refusals = 3
    await harness.run()
    assert harness.committed == {0: 6}
    assert harness.error is None


async def test_polling_goes_on_during_an_unanswered_commit() -> None:
    def slow(consumer: ScriptedConsumer) -> Message:
        consumer.commit_answered.clear()
        return Message(0, 5)

    def look(_: ScriptedConsumer) -> None:
        silent.append(harness.poll_loop.seconds_without_progress())

    def answer(consumer: ScriptedConsumer) -> None:
        silent.append(harness.poll_loop.seconds_without_progress())
        consumer.commit_answered.set()

    silent: list[float] = []
    harness = PollLoopHarness([assign(0), pause, slow, pause, pause, message(0, 6), pause, look, pause, pause, answer])
    await harness.run(lambda: harness.committed == {0: 7})
    assert harness.sink.done == [5, 6]
    assert silent[1] > silent[0] > 0.02, "readiness hears of it"
    assert harness.poll_loop.seconds_without_progress() < 0.05 + silent[0]


async def test_a_revoke_waits_for_the_commit_in_progress() -> None:
    def slow(consumer: ScriptedConsumer) -> Message:
        consumer.commit_answered.clear()
        return Message(0, 5)

    harness = PollLoopHarness([assign(0), pause, slow, pause, message(0, 6), pause, revoke(0), pause])
    asyncio.get_running_loop().call_later(0.2, harness.consumer.commit_answered.set)
    await harness.run()
    assert [commit[0] for commit in harness.consumer.commits] in ([6, 7], [5, 7])


async def test_leaving_ends_in_time_though_every_commit_is_refused() -> None:
    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause], drain=SHORT)
    harness.consumer.refusals = 10**9
    began = time.monotonic()
    await harness.run()
    assert SHORT.leave_seconds < time.monotonic() - began < 30, "for ever, if it were not for the limit"
    assert harness.error is None


async def test_the_drain_time_counts_from_the_stop() -> None:
    harness = PollLoopHarness(
        [assign(0), pause, message(0, 5), pause, lambda _: (harness.poll_loop.stop(), time.sleep(0.35))], drain=SHORT
    )
    harness.sink.gate.clear()
    drain, given = harness.dispatcher.drain, list[float]()

    async def noting(partitions: Sequence[AssignedPartition], seconds: float) -> None:
        given.append(seconds)
        await drain(partitions, seconds)

    harness.dispatcher.drain = noting  # type: ignore[method-assign]
    await harness.run()
    assert given == [0.0], "the time of the drain is over when it begins"
    assert harness.committed in ({}, {0: 5})


async def test_readiness_follows_the_coordinator() -> None:
    harness = PollLoopHarness([])
    harness.poll_loop._on_group({"state": "up", "join_state": "steady"})
    assert (harness.poll_loop.joined, harness.poll_loop.reachable) == (True, True)
    harness.poll_loop._on_group({"state": "wait-broker-transport", "join_state": "steady"})
    assert (harness.poll_loop.joined, harness.poll_loop.reachable) == (True, False)


@pytest.mark.parametrize("seconds", [1.0, 8.0, 58.0, 3600.0])
def test_draining_committing_and_leaving_share_the_drain_time(seconds: float) -> None:
    found = DrainLimits.within(seconds)
    assert 0.75 * seconds < found.drain_seconds < found.leave_seconds < seconds
    assert found.revoke_seconds <= 30


async def test_at_the_limit_partitions_are_paused_and_polling_goes_on() -> None:
    harness = PollLoopHarness(
        [assign(0), pause, *[message(0, n) for n in range(12)], pause], BackpressureLimits(10, 10**6, 10_000)
    )
    harness.sink.gate.clear()
    seen: list[bool] = []

    def full() -> bool:
        seen.append(0 in harness.consumer.paused)
        harness.sink.gate.set()
        return harness.consumer.paused == set()

    await harness.run(full)
    assert True in seen
    assert harness.committed == {0: 12}


async def test_a_broker_without_the_protocol_is_recognized() -> None:
    def refuse(_: ScriptedConsumer) -> None:
        text = "Fatal error: Broker: API version not supported: ConsumerGroupHeartbeat fatal error"
        harness.poll_loop._on_error(KafkaError(KafkaError._FATAL, text))

    harness = PollLoopHarness([refuse])
    await harness.run()
    with pytest.raises(ProtocolError):
        raise harness.error or AssertionError("it went on")


class ClosableSource(ConfluentSource):
    """Refuses partitions once it was closed, like the accelerator's queue."""

    closed = False

    def prepare(self, consumer: object, partitions: object) -> None:
        assert not self.closed

    def close(self) -> None:
        self.closed = True


class LimitedSource(ConfluentSource):
    """Can't go on after a while."""

    limited = False

    def poll(self, consumer: Consumer, seconds: float) -> Fetched:
        if self.limited:
            raise OtherClientError("records of another format")
        return super().poll(consumer, seconds)


async def test_what_is_left_to_another_client_ends_the_loop_in_good_order() -> None:
    def limit(_: ScriptedConsumer) -> None:
        source.limited = True

    source = LimitedSource("orders")
    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause, limit], source=source)
    await harness.run(lambda: harness.error is not None)
    assert isinstance(harness.error, OtherClientError)
    assert harness.committed == {0: 6}


async def test_partitions_assigned_while_closing_are_ignored() -> None:
    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause], source=ClosableSource("orders"))
    harness.consumer.at_close = assign(1, 2)
    await harness.run(lambda: harness.committed == {0: 6})
    assert harness.error is None
    assert list(harness.poll_loop._assigned) == [orders(0)]


async def test_partitions_assigned_during_the_last_commit_are_not_started() -> None:
    def leave(consumer: ScriptedConsumer) -> None:
        consumer.refusals = 2
        harness.poll_loop.stop()

    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause, leave, assign(1), message(1, 9), pause])
    await harness.run()
    assert harness.error is None
    assert harness.sink.done == [5]
    assert harness.committed == {0: 6}


@pytest.mark.parametrize("name", ["assign", "receive", "remove"])
async def test_a_bug_in_a_call_that_nobody_waits_for_ends_the_consumer(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause, revoke(0), pause])

    def bug(*_: object) -> None:
        raise KeyError(name)

    async def async_bug(*_: object) -> None:
        raise KeyError(name)

    monkeypatch.setattr(harness.dispatcher, name, async_bug if name == "remove" else bug)
    await harness.run(lambda: False)
    assert isinstance(harness.error, KeyError)


async def test_a_bug_in_a_commit_is_told_and_the_next_one_is_tried(caplog: pytest.LogCaptureFixture) -> None:
    def break_commit(consumer: ScriptedConsumer) -> Message:
        consumer.bugs = 1
        return Message(0, 5)

    harness = PollLoopHarness([assign(0), pause, break_commit])
    await harness.run(lambda: harness.committed == {0: 6})
    assert harness.error is None
    assert "a commit failed" in caplog.text
    assert harness.supervisor.problem() == ""


async def test_a_thread_that_hangs_is_named_and_so_is_a_commit() -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def slow_commit(consumer: ScriptedConsumer) -> Message:
        consumer.commit_answered.clear()
        return Message(0, 5)

    def hang(consumer: ScriptedConsumer) -> None:
        hangs.set()
        goes_on.wait(60)
        consumer.commit_answered.set()

    harness = PollLoopHarness([assign(0), pause, slow_commit, pause, pause, hang])
    running = asyncio.ensure_future(harness.run(lambda: harness.committed == {0: 6}))
    await settles("the thread hangs", hangs.is_set)
    assert harness.supervisor.problem() == ""
    harness.ahead += 200
    assert "Kafka thread has made no turn" in harness.supervisor.problem()
    assert "commit has made no turn" in harness.supervisor.problem()
    goes_on.set()
    await running
    assert harness.supervisor.problem() == ""
