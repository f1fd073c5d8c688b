"""Small orders in a Kafka batch with one that is too large get through without it."""

import asyncio
from typing import Any

import pytest
from confluent_kafka import KafkaError

from orderpipeline_common.background import Background
from orderpipeline_producer.decoding.record_batch import DecodedBatch, Record
from orderpipeline_producer.kafka.confluent_client import ConfluentClient
from tests.unit.producer.fakes import FakeProducer

LIMIT = 100


class Topic:
    """Makes producers for a topic that refuses a Kafka batch if one of its records is too large. `batches` has the
    sizes of each. A record of the size `spoiler` is in every batch that may have more than one."""

    def __init__(self, spoiler: int = 0) -> None:
        self.batches: list[list[int]] = []
        self.producers: list[TopicProducer] = []
        self.spoiler = spoiler
        self.unavailable = False

    def make(self, config: dict[str, Any]) -> "TopicProducer":
        if self.unavailable and self.producers:
            raise OSError("no file descriptors")
        self.producers.append(TopicProducer(self, config.get("batch.num.messages", 10_000)))
        return self.producers[-1]


class TopicProducer(FakeProducer):
    def __init__(self, topic: Topic, batch_size: int) -> None:
        super().__init__()
        self.topic = topic
        self.batch_size = batch_size

    def poll(self, seconds: float) -> None:
        super().poll(seconds)
        while sizes := [len(value) for value, _ in self.queued[: self.batch_size]]:
            self.topic.batches.append(sizes)
            largest = max([*sizes, self.topic.spoiler if self.batch_size > 1 else 0])
            self.finish(KafkaError.MSG_SIZE_TOO_LARGE if largest > LIMIT else None, len(sizes))


def client_of(topic: Topic) -> ConfluentClient:
    report = lambda code, text, *, fatal=None: None  # noqa: E731
    return ConfluentClient({}, "orders", 10**9, report, Background(), topic.make)


def batch(*sizes: int) -> DecodedBatch:
    values = [bytes([at]) * size for at, size in enumerate(sizes)]
    return DecodedBatch(["c"] * len(sizes), values, [f"id-{at}" for at in range(len(sizes))], range(len(sizes)))


async def settled(client: ConfluentClient) -> None:
    async with asyncio.timeout(60):
        while client.in_flight.bytes:
            await asyncio.sleep(0.001)


async def test_only_the_order_that_is_too_large_is_refused_and_the_others_keep_their_order() -> None:
    topic = Topic()
    client = client_of(topic)
    delivery = client.send(batch(60, 200, 50, 40))
    await settled(client)
    assert [(each.index, each.status, each.order_id) for each in delivery.failures()] == [(1, 413, "id-1")]
    assert topic.batches == [[60, 200, 50, 40], [60], [200], [50], [40]]
    counts = client.in_flight
    assert (counts.accepted, counts.acked, counts.failed, counts.bytes) == (4, 3, 1, 0)
    client.close(0)


async def test_orders_of_other_requests_get_through_too() -> None:
    topic = Topic()
    client = client_of(topic)
    done: list[bool] = []
    large = client.send(Record(0, "c", b"x" * 200, "large"), on_done=lambda each: done.append(each.clean))
    small = client.send(Record(0, "c", b"x" * 50, "small"), on_done=lambda each: done.append(each.clean))
    await settled(client)
    assert (small.clean, large.clean) == (True, False)
    assert [each.status for each in large.failures()] == [413]
    assert sorted(done) == [False, True], "each is called once"
    client.close(0)


async def test_a_small_order_gets_through_however_many_large_ones_are_sent_at_the_same_time() -> None:
    topic = Topic(spoiler=200)
    client = client_of(topic)
    small = [client.send(Record(0, "c", b"x" * 50, "small")) for _ in range(20)]
    await settled(client)
    assert all(each.clean for each in small)
    client.close(0)


async def test_no_client_is_made_for_that_before_it_is_needed_and_one_is_enough() -> None:
    topic = Topic()
    client = client_of(topic)
    client.send(batch(50, 60))
    await settled(client)
    assert len(topic.producers) == 1
    for _ in range(2):
        client.send(batch(50, 200))
        await settled(client)
    assert len(topic.producers) == 2
    client.close(0)


async def test_without_a_client_for_that_they_fail() -> None:
    topic = Topic()
    topic.unavailable = True
    client = client_of(topic)
    delivery = client.send(batch(50, 200))
    await settled(client)
    assert [(each.index, each.status) for each in delivery.failures()] == [(0, 503), (1, 503)]
    client.close(0)


async def test_a_client_that_takes_no_more_fails_them() -> None:
    topic = Topic()
    client = client_of(topic)
    client.send(batch(50, 200))
    await settled(client)
    topic.producers[1].room = 0
    delivery = client.send(batch(50, 200))
    await settled(client)
    assert [(each.index, each.status) for each in delivery.failures()] == [(0, 503), (1, 503)]
    client.close(0)


@pytest.mark.parametrize("code", [KafkaError._MSG_TIMED_OUT, KafkaError.TOPIC_AUTHORIZATION_FAILED])
async def test_other_errors_are_final(code: int) -> None:
    producer = FakeProducer()
    report = lambda code, text, *, fatal=None: None  # noqa: E731
    client = ConfluentClient({}, "orders", 10**9, report, Background(), lambda config: producer)
    delivery = client.send(batch(50, 60))
    producer.finish(code)
    await settled(client)
    assert [each.status for each in delivery.failures()] == [503, 503]
    assert not producer.queued
    client.close(0)
