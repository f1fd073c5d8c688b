"""Deliveries and bytes in flight against a Kafka client that does what the test says."""

import asyncio
import sys

from confluent_kafka import KafkaError

from orderpipeline_producer.decoding.record_batch import DecodedBatch
from tests.unit.producer.fakes import FakeProducer, client_of


def batch(*values: bytes, first: int = 0) -> DecodedBatch:
    places = range(first, first + len(values))
    return DecodedBatch(["c"] * len(values), list(values), [f"id-{place}" for place in places], places)


async def test_bytes_are_in_flight_until_all_callbacks_came() -> None:
    producer = FakeProducer()
    client = client_of(producer)
    two = batch(b"v", b"v")
    delivery = client.send(two)
    assert (client.in_flight.bytes, delivery.refused, client.in_flight.accepted) == (two.size, None, 2)
    waiting = asyncio.ensure_future(delivery.wait())
    producer.finish(count=1)
    await asyncio.sleep(0.02)
    assert not waiting.done()
    producer.finish()
    await asyncio.wait_for(waiting, 60)
    assert (client.in_flight.bytes, delivery.failures(), delivery.clean) == (0, [], True)
    assert (client.in_flight.acked, client.in_flight.failed) == (2, 0)
    assert client.close(0) == 0


async def test_a_failed_record_is_named_even_among_equal_values() -> None:
    producer = FakeProducer()
    client = client_of(producer)
    delivery = client.send(batch(b"v", b"w", b"v"))
    producer.finish(count=1)
    producer.finish(KafkaError._MSG_TIMED_OUT, 1)
    async with asyncio.timeout(60):
        while delivery.left:
            producer.finish(KafkaError.MSG_SIZE_TOO_LARGE)
            await asyncio.sleep(0.001)
    first, second = delivery.failures()
    assert (first.index, first.status, first.order_id) == (1, 503, "id-1")
    assert "may already be in the log" in first.detail
    assert second.status == 413
    assert (client.in_flight.bytes, client.in_flight.acked, client.in_flight.failed) == (0, 1, 2)
    client.close(0)


async def test_what_the_client_has_no_room_for_is_handed_back() -> None:
    producer = FakeProducer(room=1)
    client = client_of(producer)
    delivery = client.send(batch(b"v", b"v"))
    assert delivery.refused is not None
    assert [index for index, _ in delivery.refused.places()] == [1]
    assert client.in_flight.bytes == batch(b"v").size
    done: list[object] = []
    none = client.send(batch(b"v", first=2), (), done.append)
    await asyncio.wait_for(none.wait(), 60)
    assert none.refused is not None
    assert (len(none.refused), none.failures(), done) == (1, [], [])
    producer.finish()
    await asyncio.wait_for(delivery.wait(), 60)
    assert (client.in_flight.bytes, client.in_flight.accepted) == (0, 1)
    client.close(0)


async def test_whoever_sends_is_called_once_when_all_has_ended() -> None:
    producer = FakeProducer()
    client = client_of(producer)
    done: list[object] = []
    delivery = client.send(batch(b"v", b"w"), (), done.append)
    producer.finish(count=1)
    await asyncio.sleep(0.02)
    assert done == []
    producer.finish()
    await asyncio.wait_for(delivery.wait(), 60)
    assert done == [delivery]
    client.close(0)


async def test_capacity_is_waited_for_and_a_large_record_passes_when_nothing_is_in_flight() -> None:
    producer = FakeProducer()
    client = client_of(producer, limit=300)
    in_flight = client.in_flight
    assert in_flight.has_capacity(10**6)
    client.send(batch(b"v"))
    assert not in_flight.has_capacity(100)
    waiting = asyncio.ensure_future(in_flight.wait_for_capacity(100))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    producer.finish()
    await asyncio.wait_for(waiting, 60)
    client.close(0)


async def test_nothing_is_left_of_a_delivery_without_the_garbage_collector() -> None:
    producer = FakeProducer()
    client = client_of(producer)

    def left() -> int:  # each delivery refers to it once
        return sys.getrefcount(client.in_flight) - before

    before = sys.getrefcount(client.in_flight)
    done: list[int] = []
    for ending in (KafkaError._MSG_TIMED_OUT, None):
        awaited, abandoned = client.send(batch(b"v")), client.send(batch(b"v", b"w"))
        client.send(batch(b"x"), (), lambda delivery: done.append(delivery.count))
        waiting = asyncio.ensure_future(awaited.wait())
        try:
            async with asyncio.timeout(0):
                await abandoned.wait()
        except TimeoutError:
            assert len(abandoned.failures()) == 2
        assert left() == 3
        producer.finish(ending)
        await waiting
        del awaited, abandoned, waiting
        assert left() == 0
    assert done == [1, 1]
    client.close(0)
