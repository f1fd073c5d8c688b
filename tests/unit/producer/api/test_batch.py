"""Batches against a Kafka client that does what the test says."""

import asyncio
import json

import pytest
from confluent_kafka import KafkaError

from orderpipeline_producer.api import batch as batches
from orderpipeline_producer.api.batch import Batch
from orderpipeline_producer.decoding.ndjson import LineReader
from orderpipeline_producer.decoding.reader import PYTHON, OrderReader
from orderpipeline_producer.decoding.record_batch import Record
from orderpipeline_producer.kafka.confluent_client import ConfluentClient
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.settings import Limits
from orderpipeline_producer.web.problems import Problem
from tests.unit.producer.fakes import ORDER, FakeProducer, PlaceIds, client_of

READER = OrderReader(Limits(), PYTHON)


def batch(client: ConfluentClient) -> Batch:
    return Batch(client, (), Metrics(frozenset()), lambda count: None)


async def accept(batch: Batch, *items: tuple[int, bytes], seconds: float = 60.0) -> bool:
    return await batch.accept(READER.items(list(items), PlaceIds()), soon(seconds))


async def accept_array(batch: Batch, count: int, seconds: float = 60.0) -> bool:
    orders = [{"customer_id": f"c{i}", "product_id": "p", "quantity": 1, "amount": 1} for i in range(count)]
    slices = READER.array(json.dumps(orders).encode(), PlaceIds())
    return await batch.accept(slices, soon(seconds))  # type: ignore[arg-type]


def soon(seconds: float = 60.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def record(index: int, value: bytes = b"v") -> Record:
    return Record(index, "c", value, f"id-{index}")


async def test_a_batch_with_nothing_bad_is_accepted() -> None:
    producer = FakeProducer()
    client = client_of(producer)
    one = batch(client)
    assert await accept(one, (0, ORDER), (1, ORDER))
    producer.finish()
    reply = await one.reply(soon())
    assert (reply.status, json.loads(reply.body)) == (202, {"accepted": 2})
    assert [json.loads(value)["order_id"] for value in producer.values] == ["id-0", "id-1"]
    client.close(0)


async def test_a_batch_names_bad_orders_and_those_kafka_failed() -> None:
    producer = FakeProducer()
    client = client_of(producer)
    one = batch(client)
    await accept(one, (0, ORDER), (1, b"{}"), (2, ORDER))
    producer.finish(count=1)
    producer.finish(KafkaError._MSG_TIMED_OUT)
    reply = await one.reply(soon())
    body = json.loads(reply.body)
    assert (reply.status, body["accepted"]) == (207, 1)
    assert [(entry["index"], entry["status"]) for entry in body["failed"]] == [(1, 422), (2, 503)]
    assert (body["failed"][0]["field"], body["failed"][1]["order_id"]) == ("customer_id", "id-2")
    assert dict(reply.headers)["Retry-After"] == "1"
    client.close(0)


@pytest.mark.parametrize(("items", "status"), [([(0, b"{}"), (1, b"x")], 422), ([], 422)])
async def test_a_batch_of_nothing_good_is_a_problem(items: list[tuple[int, bytes]], status: int) -> None:
    client = client_of(FakeProducer())
    one = batch(client)
    await accept(one, *items)
    with pytest.raises(Problem) as caught:
        await one.reply(soon())
    assert caught.value.status == status
    client.close(0)


async def test_a_batch_waits_a_moment_for_room_at_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = FakeProducer()
    client = client_of(producer, limit=400)
    client.send(record(0))
    one = batch(client)
    accepting = asyncio.ensure_future(accept(one, (1, ORDER)))
    await asyncio.sleep(0.01)
    producer.finish()
    assert await accepting
    monkeypatch.setattr(batches, "START_SECONDS", 0.01)
    other = batch(client)
    assert not await accept(other, (2, ORDER))
    with pytest.raises(Problem) as caught:
        await other.reply(soon())
    assert caught.value.status == 503
    client.close(0)


async def test_a_batch_without_room_at_its_start_is_refused() -> None:
    client = client_of(FakeProducer(), limit=400)
    client.send(record(0))
    one = batch(client)
    assert not await accept(one, (0, ORDER), (1, ORDER), seconds=0.01)
    with pytest.raises(Problem) as caught:
        await one.reply(soon())
    more = caught.value.more or {}
    assert (caught.value.status, more["accepted"]) == (503, 0)
    client.close(0)


async def test_a_batch_that_has_begun_waits_for_room_until_its_deadline() -> None:
    producer = FakeProducer()
    client = client_of(producer, limit=400)
    one = batch(client)
    assert await accept(one, (0, ORDER))
    assert not await accept(one, (1, ORDER), seconds=0.05)
    producer.finish()
    reply = await one.reply(soon())
    body = json.loads(reply.body)
    assert (reply.status, body["accepted"], body["failed"][0]["index"]) == (207, 1, 1)
    client.close(0)


async def test_orders_past_the_limit_are_not_taken_and_said_so() -> None:
    producer = FakeProducer()
    client = client_of(producer)
    one = batch(client)
    lines = LineReader(OrderReader(Limits(batch_orders=2), PYTHON), PlaceIds())
    assert not await one.accept(lines.feed((ORDER + b"\n") * 4), soon())
    producer.finish()
    body = json.loads((await one.reply(soon())).body)
    assert (body["accepted"], body["failed"][0]["index"], body["failed"][0]["status"]) == (2, 2, 413)
    assert len(producer.values) == 2
    client.close(0)


async def test_orders_without_an_answer_in_time_are_ambiguous() -> None:
    producer = FakeProducer()
    client = client_of(producer)
    one = batch(client)
    await accept(one, (0, ORDER))
    with pytest.raises(Problem) as caught:
        await one.reply(soon(0.02))
    assert caught.value.status == 503
    producer.finish()
    async with asyncio.timeout(60):
        while client.in_flight.bytes:
            await asyncio.sleep(0.001)
    client.close(0)


async def test_accepted_orders_are_answered_before_kafka_is_asked() -> None:
    client = client_of(FakeProducer())
    one = batch(client)
    await accept(one, (0, ORDER))
    assert (await one.reply(None)).status == 202
    client.close(0)


async def test_a_request_that_breaks_off_tells_from_where() -> None:
    producer = FakeProducer()
    client = client_of(producer)
    with pytest.raises(Problem):
        batch(client).break_off(0, Problem(408, "late"))
    one = batch(client)
    await accept(one, (0, ORDER))
    one.break_off(1, Problem(408, "late"))
    producer.finish()
    body = json.loads((await one.reply(soon())).body)
    assert (body["accepted"], body["failed"][0]["index"], body["failed"][0]["status"]) == (1, 1, 408)
    client.close(0)


async def test_a_bulk_is_accepted_in_slices() -> None:
    producer = FakeProducer()
    client = client_of(producer)
    one = batch(client)
    await accept_array(one, 2500)
    producer.finish()
    reply = await one.reply(soon())
    assert (reply.status, json.loads(reply.body)) == (202, {"accepted": 2500})
    assert [json.loads(value)["order_id"] for value in producer.values] == [f"id-{i}" for i in range(2500)]
    assert client.in_flight.bytes == 0
    client.close(0)


async def test_a_bulk_names_what_kafka_failed_and_what_the_client_did_not_take() -> None:
    producer = FakeProducer(room=1003)
    client = client_of(producer)
    one = batch(client)
    await accept_array(one, 1005)
    producer.finish(count=1001)
    producer.finish(KafkaError._MSG_TIMED_OUT)
    body = json.loads((await one.reply(soon())).body)
    assert body["accepted"] == 1001
    assert [(entry["index"], entry["status"], entry["order_id"]) for entry in body["failed"]] == [
        (index, 503, f"id-{index}") for index in (1001, 1002, 1003, 1004)
    ]
    assert client.in_flight.bytes == 0
    client.close(0)


async def test_a_bulk_without_room_is_refused() -> None:
    client = client_of(FakeProducer(), limit=400)
    client.send(record(0))
    one = batch(client)
    await accept_array(one, 3, seconds=0.01)
    with pytest.raises(Problem) as caught:
        await one.reply(soon())
    assert (caught.value.status, (caught.value.more or {})["accepted"]) == (503, 0)
    client.close(0)
