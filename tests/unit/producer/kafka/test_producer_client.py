"""The gateway against a Kafka client that does what the test says."""

import asyncio

from confluent_kafka import KafkaError

from orderpipeline_producer.decoding.one_by_one import Record
from tests.unit.producer.fakes import FakeSink, gateway


def record(index: int, value: bytes = b"v") -> Record:
    return Record(index, "c", value, f"id-{index}")


async def test_bytes_are_in_flight_until_all_callbacks_came() -> None:
    sink = FakeSink()
    to = gateway(sink)
    delivery, refused = to.send([record(0), record(1)], [])
    assert (to.in_flight, refused) == (2 * record(0).size, [])
    sink.finish(count=1)
    await asyncio.sleep(0.02)
    assert not delivery.done.done()
    sink.finish()
    await asyncio.wait_for(delivery.done, 60)
    assert (to.in_flight, delivery.failures(), delivery.clean()) == (0, [], True)
    to.close()


async def test_a_failed_record_is_named_even_among_equal_values() -> None:
    sink = FakeSink()
    to = gateway(sink)
    delivery, _ = to.send([record(0), record(1, b"w"), record(2)], [])
    sink.finish(count=1)
    sink.finish(KafkaError._MSG_TIMED_OUT, 1)
    sink.finish(KafkaError.MSG_SIZE_TOO_LARGE)
    await asyncio.wait_for(delivery.done, 60)
    first, second = delivery.failures()
    assert (first.index, first.status, first.order_id) == (1, 503, "id-1")
    assert "may already be in the log" in first.detail
    assert second.status == 413
    assert to.in_flight == 0
    to.close()


async def test_what_the_client_has_no_room_for_is_handed_back() -> None:
    sink = FakeSink(room=1)
    to = gateway(sink)
    delivery, refused = to.send([record(0), record(1)], [])
    assert [each.index for each in refused] == [1]
    assert to.in_flight == record(0).size
    none, refused = to.send([record(2)], [])
    assert (len(refused), none.done.done(), none.failures()) == (1, True, [])
    sink.finish()
    await asyncio.wait_for(delivery.done, 60)
    assert to.in_flight == 0
    to.close()


async def test_room_is_waited_for_and_a_large_record_passes_an_empty_gateway() -> None:
    sink = FakeSink()
    to = gateway(sink, limit=300)
    assert to.has_room(10**6)
    to.send([record(0)], [])
    assert not to.has_room(100)
    waiting = asyncio.ensure_future(to.room(100))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    sink.finish()
    await asyncio.wait_for(waiting, 60)
    to.close()
