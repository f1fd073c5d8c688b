"""The calls that take orders: what they hold in memory while Kafka is slow, and headers they can't use."""

import asyncio
import gzip
import json
import os
import time
import tracemalloc

import pytest
from confluent_kafka import KafkaError

from orderpipeline_producer.api.admission import Admission
from orderpipeline_producer.api.orders import Orders
from orderpipeline_producer.api.quota import Quota
from orderpipeline_producer.api.routes import PATHS
from orderpipeline_producer.decoding.order_ids import TimeOrderedIds
from orderpipeline_producer.decoding.reader import PYTHON, Decoder, OrderReader
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.settings import Limits
from orderpipeline_producer.web.problems import Problem
from orderpipeline_producer.web.request import BodyMemoryBudget
from orderpipeline_producer.web.timeouts import Timeouts
from tests.unit.producer.decoding.test_reader import decoders
from tests.unit.producer.fakes import ORDER, FakeProducer, client_of, full_bucket
from tests.unit.producer.web.test_request import Body, request

NDJSON = "application/x-ndjson"


def orders(
    producer: FakeProducer,
    body_memory: BodyMemoryBudget,
    in_flight: int = 10**9,
    wait: bool = True,
    decoder: Decoder = PYTHON,
) -> Orders:
    metrics = Metrics(PATHS)
    return Orders(
        reader=OrderReader(Limits(), decoder),
        client=client_of(producer, in_flight),
        admission=Admission(lambda _: "shop", Quota(0, full_bucket), lambda: "", metrics),
        ids=TimeOrderedIds(time.time_ns, os.urandom),
        body_memory=body_memory,
        metrics=metrics,
        wait=wait,
    )


@pytest.mark.parametrize(("media_type", "encoding"), [("application/json", ""), (NDJSON, "gzip")])
async def test_a_batch_counts_as_held_until_all_of_it_is_handed_over(media_type: str, encoding: str) -> None:
    count = 1500
    plain = b"\n".join([ORDER] * count) if media_type == NDJSON else b"[" + b",".join([ORDER] * count) + b"]"
    headers = {"Content_Type": media_type} | ({"Content_Encoding": encoding} if encoding else {})
    packed = gzip.compress(plain) if encoding else plain
    producer, memory = FakeProducer(), BodyMemoryBudget(len(plain))
    api = orders(producer, memory, in_flight=600 * 400)
    first = asyncio.ensure_future(api.batch(request(Body(packed), **headers)))
    while not producer.queued:
        await asyncio.sleep(0.001)
    assert not first.done()
    with pytest.raises(Problem) as caught:
        await api.batch(request(Body(packed), **headers))
    assert caught.value.status == 503
    assert "at once" in caught.value.detail
    while not first.done():
        producer.finish()
        await asyncio.sleep(0.001)
    assert (await first).status == 202
    memory.reserve(len(plain))  # all of it was given back
    api.client.close(0)


async def test_a_small_packed_body_of_blank_lines_takes_little_memory() -> None:
    api = orders(FakeProducer(), BodyMemoryBudget(10**8))
    packed = gzip.compress(b"\n" * 200_000)
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as caught:
            await api.batch(request(Body(packed), Content_Type=NDJSON, Content_Encoding="gzip"))
        assert caught.value.status == 422
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    api.client.close(0)


@decoders
@pytest.mark.parametrize(
    ("media_type", "plain", "least"),
    [
        (NDJSON, b"\n" * 700_000, 10),
        ("application/json", b"[[" + b"[]," * 200_000 + b"[]]]", 2),
        ("application/json", b"[" + b"[" * 2000 + b"[]," * 200_000 + b"[]" + b"]" * 2001, 40),
        ("application/json", b"[" + ORDER + b" " * 10_000_000 + b"]", 38),
        ("application/json", b"[1e0," + b"[]," * 200_000 + b"[]]", 2),
    ],
)
async def test_a_packed_bomb_leaves_the_event_loop_to_others(
    media_type: str, plain: bytes, least: int, decoder: Decoder
) -> None:
    api = orders(FakeProducer(), BodyMemoryBudget(10**8), wait=False, decoder=decoder)
    body = Body(gzip.compress(plain, 1))
    call = asyncio.ensure_future(
        api.batch(request(body, Timeouts(request=600.0), Content_Type=media_type, Content_Encoding="gzip"))
    )
    turns = 0
    while not call.done():
        await asyncio.sleep(0)
        turns += 1
    assert call.exception() is None or isinstance(call.exception(), Problem)
    assert turns >= least
    api.client.close(0)


@pytest.mark.parametrize("key", ["\udcff", "a\tb", ""])
async def test_a_key_that_is_no_text_is_refused_by_name(key: str) -> None:
    api = orders(FakeProducer(), BodyMemoryBudget(10**6))
    with pytest.raises(Problem) as caught:
        await api.one(request(Body(ORDER), Content_Type="application/json", Idempotency_Key=key))
    assert (caught.value.status, caught.value.field) == (400, "Idempotency-Key")
    api.client.close(0)


KEYED = {"Content_Type": "application/json", "Idempotency_Key": "key"}
OTHER = ORDER.replace(b'"amount":1', b'"amount":2')


async def test_a_key_that_comes_with_another_order_is_refused_by_name() -> None:
    producer = FakeProducer()
    api = orders(producer, BodyMemoryBudget(10**6), wait=False)
    first = await api.one(request(Body(ORDER), **KEYED))
    assert (await api.one(request(Body(ORDER), **KEYED))).body == first.body
    with pytest.raises(Problem) as caught:
        await api.one(request(Body(OTHER), **KEYED))
    assert (caught.value.status, caught.value.field) == (422, "Idempotency-Key")
    assert len(producer.values) == 2
    api.client.close(0)


async def test_where_a_key_is_not_remembered_both_orders_have_their_effect() -> None:
    ids = set()
    for body in (ORDER, OTHER):
        api = orders(FakeProducer(), BodyMemoryBudget(10**6), wait=False)
        ids.add((await api.one(request(Body(body), **KEYED))).body)
        api.client.close(0)
    assert len(ids) == 2


async def test_a_corrected_order_may_have_the_key_of_its_batch_or_of_the_refused_one() -> None:
    producer = FakeProducer()
    api = orders(producer, BodyMemoryBudget(10**6), wait=False)
    batch = await api.batch(request(Body(b"[" + ORDER + b",{}]"), **KEYED))
    assert batch.status == 207
    with pytest.raises(Problem):
        await api.one(request(Body(b"{}"), **KEYED))
    assert (await api.one(request(Body(OTHER), **KEYED))).status == 202
    assert len({json.loads(value)["order_id"] for value in producer.values}) == 2
    api.client.close(0)


async def test_an_order_that_is_too_large_for_kafka_frees_its_key() -> None:
    producer = FakeProducer()
    api = orders(producer, BodyMemoryBudget(10**6))
    call = asyncio.ensure_future(api.one(request(Body(ORDER), **KEYED)))
    while not call.done():
        producer.finish(KafkaError.MSG_SIZE_TOO_LARGE)
        await asyncio.sleep(0.001)
    with pytest.raises(Problem) as caught:
        await call
    assert caught.value.status == 413
    call = asyncio.ensure_future(api.one(request(Body(OTHER), **KEYED)))
    while not producer.queued:
        await asyncio.sleep(0)
    producer.finish()
    assert (await call).status == 202
    api.client.close(0)
