"""Which commits count, and when the client is told where to read."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orderpipeline_consumer.errors import TopicRecreatedError
from orderpipeline_consumer.kafka import positions
from orderpipeline_consumer.kafka.positions import FirstStart
from orderpipeline_consumer.records.commit import Commit
from orderpipeline_consumer.records.log_position import LogPosition
from tests.unit.consumer.poll_loop_harness import FixedTopicReader, PollLoopHarness, assign, message, pause

SKIPS = FirstStart(skip_old=True)
ENDS = dict.fromkeys(range(3), 10**6)


async def test_a_partition_is_read_from_where_the_group_left_off() -> None:
    harness = PollLoopHarness([assign(0, 1), pause, message(0, 5), pause])
    await harness.run(lambda: harness.committed == {0: 6})
    assert harness.consumer.sought == {0: 5, 1: 5}


async def test_a_commit_of_an_earlier_topic_does_not_count() -> None:
    reader = FixedTopicReader({0: Commit(LogPosition(5), "earlier"), 1: Commit(LogPosition(6))})
    harness = PollLoopHarness([assign(0, 1), pause], reader=reader, first=SKIPS)
    await harness.run(lambda: len(harness.consumer.sought) == 2)
    assert harness.consumer.sought == {0: 0, 1: 6}


async def test_latest_counts_at_the_first_start_of_the_group_only() -> None:
    harness = PollLoopHarness([assign(0), pause], reader=FixedTopicReader({}), first=SKIPS)
    await harness.run(lambda: harness.consumer.sought == {0: 10**6})
    assert harness.consumer.commits[0] == ENDS, "of all partitions: one without a commit was added later"

    grown = FixedTopicReader({0: Commit(LogPosition(5), "id")})
    harness = PollLoopHarness([assign(0, 1), pause], reader=grown, first=SKIPS)
    await harness.run(lambda: harness.consumer.sought == {0: 5, 1: 0})


async def test_a_first_start_skips_only_what_is_older_than_the_pipeline() -> None:
    """Without commits, since they went with the former topic, as at its first start."""
    since = datetime(2026, 12, 1, tzinfo=UTC)
    reader = FixedTopicReader({})
    reader.since[since] = {0: 0, 1: 70}
    harness = PollLoopHarness([assign(0, 1), pause], reader=reader, first=FirstStart(True, since))
    await harness.run(lambda: len(harness.consumer.sought) == 2)
    assert harness.consumer.sought == {0: 0, 1: 70}
    assert harness.consumer.commits[0] == {0: 0, 1: 70, 2: 10**6}


async def test_while_kafka_does_not_answer_nothing_is_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "RETRY_SECONDS", 0.05)
    reader = FixedTopicReader()
    reader.failures = 1
    harness = PollLoopHarness([assign(0), message(0, 7), pause], reader=reader)
    await harness.run(lambda: harness.consumer.sought == {0: 5})
    assert harness.sink.started == []


async def test_a_topic_that_was_made_anew_is_read_from_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "WATCH_SECONDS", 0.01)

    def recreate(_: object) -> None:
        harness.reader.state = replace(FixedTopicReader({}).state, topic_id="new")

    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause, recreate], first=SKIPS)
    await harness.run(lambda: harness.error is not None)
    assert isinstance(harness.error, TopicRecreatedError), "the client would ignore the new topic"
    assert harness.committed == {0: 6}, "of the former topic"
    again = PollLoopHarness([assign(0), pause], reader=harness.reader, positions=harness.positions)
    await again.run(lambda: again.consumer.sought == {0: 0})
    assert again.restarts("recreated") == 1
    assert again.error is None


async def test_an_assignment_shows_that_the_topic_was_made_anew() -> None:
    def recreate(_: object) -> None:
        harness.reader.state = replace(FixedTopicReader({}).state, topic_id="new")

    harness = PollLoopHarness([assign(0), pause, recreate, assign(1), pause], first=SKIPS)
    await harness.run(lambda: harness.error is not None)
    assert isinstance(harness.error, TopicRecreatedError)


async def test_a_partition_that_was_given_back_is_assigned_anew() -> None:
    def give_back(_: object) -> None:
        for each in harness.poll_loop._assigned.values():
            each.give_back("the database was restored")
        harness.reader.state.commits[0] = Commit(LogPosition(3), "id")  # type: ignore[index]

    harness = PollLoopHarness([assign(0), pause, message(0, 5), pause, give_back])
    await harness.run(lambda: harness.consumer.sought == {0: 3})
