"""Small orders in a Kafka batch with one that is too large get through without it."""

import asyncio

import pytest
from confluent_kafka import KafkaError

from orderpipeline_producer.decoding.record_batch import DecodedBatch, Record
from orderpipeline_producer.kafka.confluent_client import ConfluentClient
from orderpipeline_producer.kafka.resends import MAX_RESENDS
from tests.unit.producer.fakes import FakeProducer, client_of

LIMIT = 100


class Topic(FakeProducer):
    """Refuses all that is queued together if one of it is too large, as a broker refuses a Kafka batch."""

    def __init__(self, room: int = 10**9) -> None:
        super().__init__(room)
        self.batches: list[list[int]] = []

    def poll(self, seconds: float) -> None:
        super().poll(seconds)
        if self.queued:
            sizes = [len(value) for value, _ in self.queued]
            self.batches.append(sizes)
            self.finish(KafkaError.MSG_SIZE_TOO_LARGE if max(sizes) > LIMIT else None)


def batch(*sizes: int) -> DecodedBatch:
    values = [bytes([at]) * size for at, size in enumerate(sizes)]
    return DecodedBatch(["c"] * len(sizes), values, [f"id-{at}" for at in range(len(sizes))], range(len(sizes)))


async def settled(client: ConfluentClient) -> None:
    async with asyncio.timeout(60):
        while client.in_flight.bytes:
            await asyncio.sleep(0.001)


async def test_only_the_order_that_is_too_large_is_refused() -> None:
    topic = Topic()
    client = client_of(topic)
    delivery = client.send(batch(50, 200, 60, 50))
    await settled(client)
    assert [(each.index, each.status, each.order_id) for each in delivery.failures()] == [(1, 413, "id-1")]
    assert topic.batches == [[50, 200, 60, 50], [50], [50], [60], *[[200]] * MAX_RESENDS]
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


async def test_a_client_that_takes_no_more_fails_them() -> None:
    topic = Topic()
    client = client_of(topic)
    delivery = client.send(batch(50, 200))
    topic.room = 0
    await settled(client)
    assert [(each.index, each.status) for each in delivery.failures()] == [(0, 503), (1, 503)]
    client.close(0)


@pytest.mark.parametrize("code", [KafkaError._MSG_TIMED_OUT, KafkaError.TOPIC_AUTHORIZATION_FAILED])
async def test_other_errors_are_final(code: int) -> None:
    producer = FakeProducer()
    client = client_of(producer)
    delivery = client.send(batch(50, 60))
    producer.finish(code)
    await settled(client)
    assert [each.status for each in delivery.failures()] == [503, 503]
    assert not producer.queued
    client.close(0)
