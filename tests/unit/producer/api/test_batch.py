"""Batches against a Kafka client that does what the test says."""

import asyncio
import json
from typing import Any

import pytest
from confluent_kafka import KafkaError

from orderpipeline_producer.api.batch import Batch
from orderpipeline_producer.decoding.bulk import Bulk, read_bulk
from orderpipeline_producer.decoding.one_by_one import Record
from orderpipeline_producer.kafka.producer_client import Gateway
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.settings import Limits
from orderpipeline_producer.web.reply import Problem
from tests.unit.producer.fakes import ORDER, FakeSink, gateway


def batch(to: Gateway, **limits: Any) -> Batch:
    return Batch(Limits(**limits), to, Metrics(frozenset()), [], lambda index: f"id-{index}")


def soon(seconds: float = 60.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def record(index: int, value: bytes = b"v") -> Record:
    return Record(index, "c", value, f"id-{index}")


async def test_a_batch_with_nothing_bad_is_accepted() -> None:
    sink = FakeSink()
    to = gateway(sink)
    one = batch(to)
    assert await one.take([(0, ORDER), (1, ORDER)], soon())
    sink.finish()
    reply = await one.reply(soon())
    assert (reply.status, json.loads(reply.body)) == (202, {"accepted": 2})
    assert [json.loads(value)["order_id"] for value in sink.values] == ["id-0", "id-1"]
    to.close()


async def test_a_batch_names_bad_orders_and_those_kafka_failed() -> None:
    sink = FakeSink()
    to = gateway(sink)
    one = batch(to)
    await one.take([(0, ORDER), (1, b"{}"), (2, ORDER)], soon())
    sink.finish(count=1)
    sink.finish(KafkaError._MSG_TIMED_OUT)
    reply = await one.reply(soon())
    body = json.loads(reply.body)
    assert (reply.status, body["accepted"]) == (207, 1)
    assert [(entry["index"], entry["status"]) for entry in body["failed"]] == [(1, 422), (2, 503)]
    assert (body["failed"][0]["field"], body["failed"][1]["order_id"]) == ("customer_id", "id-2")
    assert dict(reply.headers)["Retry-After"] == "1"
    to.close()


@pytest.mark.parametrize(("items", "status"), [([(0, b"{}"), (1, b"x")], 422), ([], 422)])
async def test_a_batch_of_nothing_good_is_a_problem(items: list[tuple[int, bytes]], status: int) -> None:
    to = gateway(FakeSink())
    one = batch(to)
    await one.take(items, soon())
    with pytest.raises(Problem) as caught:
        await one.reply(soon())
    assert caught.value.status == status
    to.close()


async def test_a_batch_without_room_at_its_start_is_refused_at_once() -> None:
    to = gateway(FakeSink(), limit=400)
    to.send([record(0)], [])
    one = batch(to)
    assert not await one.take([(0, ORDER), (1, ORDER)], soon(60))
    with pytest.raises(Problem) as caught:
        await one.reply(soon())
    more = caught.value.more or {}
    assert (caught.value.status, more["accepted"]) == (503, 0)
    to.close()


async def test_a_batch_that_has_begun_waits_for_room_until_its_deadline() -> None:
    sink = FakeSink()
    to = gateway(sink, limit=400)
    one = batch(to)
    assert await one.take([(0, ORDER)], soon())
    assert not await one.take([(1, ORDER)], soon(0.05))
    sink.finish()
    reply = await one.reply(soon())
    body = json.loads(reply.body)
    assert (reply.status, body["accepted"], body["failed"][0]["index"]) == (207, 1, 1)
    to.close()


async def test_orders_past_the_limit_are_not_taken_and_said_so() -> None:
    sink = FakeSink()
    to = gateway(sink)
    one = batch(to, batch_orders=2)
    assert not await one.take([(0, ORDER), (1, ORDER), (2, ORDER)], soon())
    sink.finish()
    body = json.loads((await one.reply(soon())).body)
    assert (body["accepted"], body["failed"][0]["index"], body["failed"][0]["status"]) == (2, 2, 413)
    assert len(sink.values) == 2
    to.close()


async def test_orders_without_an_answer_in_time_are_ambiguous() -> None:
    sink = FakeSink()
    to = gateway(sink)
    one = batch(to)
    await one.take([(0, ORDER)], soon())
    with pytest.raises(Problem) as caught:
        await one.reply(soon(0.02))
    assert caught.value.status == 503
    sink.finish()
    async with asyncio.timeout(60):
        while to.in_flight:
            await asyncio.sleep(0.001)
    to.close()


async def test_accepted_orders_are_answered_before_kafka_is_asked() -> None:
    to = gateway(FakeSink())
    one = batch(to)
    await one.take([(0, ORDER)], soon())
    assert (await one.reply(None)).status == 202
    to.close()


async def test_a_request_that_breaks_off_tells_from_where() -> None:
    sink = FakeSink()
    to = gateway(sink)
    with pytest.raises(Problem):
        batch(to).break_off(0, Problem(408, "late"))
    one = batch(to)
    await one.take([(0, ORDER)], soon())
    one.break_off(1, Problem(408, "late"))
    sink.finish()
    body = json.loads((await one.reply(soon())).body)
    assert (body["accepted"], body["failed"][0]["index"], body["failed"][0]["status"]) == (1, 1, 408)
    to.close()


def bulk(count: int, **more: Any) -> Bulk:
    orders = [{"customer_id": f"c{i}", "product_id": "p", "quantity": 1, "amount": 1, **more} for i in range(count)]
    found = read_bulk(json.dumps(orders).encode(), 10_000, 1000, lambda n: [f"id-{i}" for i in range(n)])
    assert found is not None
    return found


async def test_a_bulk_is_accepted_in_slices() -> None:
    sink = FakeSink()
    to = gateway(sink)
    one = batch(to)
    await one.take_bulk(bulk(2500), soon())
    sink.finish()
    reply = await one.reply(soon())
    assert (reply.status, json.loads(reply.body)) == (202, {"accepted": 2500})
    assert [json.loads(value)["order_id"] for value in sink.values] == [f"id-{i}" for i in range(2500)]
    assert to.in_flight == 0
    to.close()


async def test_a_bulk_names_what_kafka_failed_and_what_the_client_did_not_take() -> None:
    sink = FakeSink(room=1003)
    to = gateway(sink)
    one = batch(to)
    await one.take_bulk(bulk(1005), soon())
    sink.finish(count=1001)
    sink.finish(KafkaError._MSG_TIMED_OUT)
    body = json.loads((await one.reply(soon())).body)
    assert body["accepted"] == 1001
    assert [(entry["index"], entry["status"], entry["order_id"]) for entry in body["failed"]] == [
        (index, 503, f"id-{index}") for index in (1001, 1002, 1003, 1004)
    ]
    assert to.in_flight == 0
    to.close()


async def test_a_bulk_without_room_is_refused_at_once() -> None:
    to = gateway(FakeSink(), limit=400)
    to.send([record(0)], [])
    one = batch(to)
    await one.take_bulk(bulk(3), soon(60))
    with pytest.raises(Problem) as caught:
        await one.reply(soon())
    assert (caught.value.status, (caught.value.more or {})["accepted"]) == (503, 0)
    to.close()
