"""The consumer whose partitions the accelerator fetches itself is told not to fetch them."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from orderpipeline_consumer.fetching.direct import DirectSource
from orderpipeline_consumer.records import topic_partition as ours

pytestmark = pytest.mark.accelerator

CONNECTION = {"bootstrap.servers": "127.0.0.1:1", "client.id": "c"}


class Event:
    """What a consumer's poll may return."""

    def __init__(self, code: int | None) -> None:
        self._code = code

    def error(self) -> KafkaError | None:
        return None if self._code is None else KafkaError(self._code)


class Consumer:
    """Records pauses; each poll returns the next event."""

    def __init__(self) -> None:
        self.pauses: list[list[int]] = []
        self.events: list[Event] = []

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.pauses.append(sorted(each.partition for each in partitions))

    def poll(self, _: float) -> Event | None:
        return self.events.pop(0) if self.events else None


def source(now: list[float]) -> DirectSource:
    return DirectSource("t", CONNECTION, clock=lambda: now[0])


def test_partitions_are_paused_before_and_after_they_are_assigned_and_again_every_second() -> None:
    now, consumer = [10.0], Consumer()
    one = source(now)
    one.prepare(consumer, [TopicPartition("t", 0), TopicPartition("t", 1)])  # type: ignore[arg-type]
    one.poll(consumer, 0.0)  # type: ignore[arg-type]
    assert consumer.pauses == [[0, 1], [0, 1]]
    one.poll(consumer, 0.0)  # type: ignore[arg-type]
    assert len(consumer.pauses) == 2
    one.forget([ours.TopicPartition("t", 0)])
    now[0] = 11.0
    one.poll(consumer, 0.0)  # type: ignore[arg-type]
    assert consumer.pauses[2:] == [[1]]


def test_what_the_consumer_has_fetched_nevertheless_is_ignored_but_not_its_errors() -> None:
    one, consumer = source([0.0]), Consumer()
    consumer.events = [Event(None), Event(KafkaError._PARTITION_EOF), Event(KafkaError._ALL_BROKERS_DOWN)]
    found: list[Any] = [one.poll(consumer, 0.0).errors for _ in range(3)]  # type: ignore[arg-type]
    assert [[error.code() for error in errors] for errors in found] == [[], [], [KafkaError._ALL_BROKERS_DOWN]]


def test_only_what_is_assigned_can_be_sought() -> None:
    one = source([0.0])
    with pytest.raises(KafkaException):
        one.seek(TopicPartition("t", 0, 5))
    one.prepare(Consumer(), [TopicPartition("t", 0)])  # type: ignore[arg-type]
    one.seek(TopicPartition("t", 0, 5))
    one.close()
    assert one.poll(Consumer(), 0.0).batches == []  # type: ignore[arg-type]
