"""Every route and every error reply of the real order API process, and what it leaves in a real Kafka."""

import gzip
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from backports import zstd

from tests.support.broker import Broker
from tests.support.producer_process import ACCELERATORS, ORDER, Answer, Producer, records, running

pytestmark = pytest.mark.integration
RAW = json.dumps(ORDER).encode()
BATCH = "/orders/batch"
NDJSON = "application/x-ndjson"


@pytest.fixture(scope="module")
def topic(broker: Broker) -> str:
    return broker.create_topic(f"orders-{uuid.uuid4().hex}", 6)


@pytest.fixture(scope="module", params=ACCELERATORS)
def api(
    broker: Broker, topic: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Producer]:
    folder = tmp_path_factory.mktemp("producer")
    limits = {"MAX_ORDER_BYTES": "1000", "MAX_BODY_BYTES": "500000", "MAX_BATCH_ORDERS": "2000"}
    with running(broker, topic, folder, REQUEST_TIMEOUT_SECONDS="60", ACCELERATOR=request.param, **limits) as producer:
        yield producer
        assert producer.stop() == 0
        assert "Traceback" not in producer.log.read_text()


def problem(answer: Answer, status: int, field: str = "") -> dict[str, Any]:
    """The reply's body, after checking that it is the problem it should be."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json
    assert body["status"] == status
    assert body["type"].startswith("urn:orderpipeline:")
    assert body["title"]
    assert body["detail"]
    assert body.get("field", "") == field
    return body


def mine(broker: Broker, topic: str, customer: str) -> list[Any]:
    return [record for record in records(broker, topic) if record.key() == customer.encode()]


def lines(orders: list[Any]) -> bytes:
    return b"".join((item if isinstance(item, bytes) else json.dumps(item).encode()) + b"\n" for item in orders)


def test_an_order_is_in_kafka_as_it_was_sent_before_the_reply(api: Producer, broker: Broker, topic: str) -> None:
    customer = f"é-{uuid.uuid4()}"
    raw = b' {"order_id":"mine",  "note": "\xc3\xbc", ' + json.dumps({**ORDER, "customer_id": customer}).encode()[1:]
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    answer = api.post("/order", raw, traceparent=trace)
    assert (answer.status, answer.json) == (202, {"order_id": "mine"})
    (record,) = mine(broker, topic, customer)
    assert record.value() == raw
    assert record.headers() == [("content-type", b"application/json"), ("traceparent", trace.encode())]


def test_an_order_without_an_id_gets_a_uuid7(api: Producer, broker: Broker, topic: str) -> None:
    order = {**ORDER, "customer_id": str(uuid.uuid4())}
    order_id = api.post("/order", order, traceparent="nonsense").json["order_id"]
    assert uuid.UUID(order_id).version == 7
    (record,) = mine(broker, topic, order["customer_id"])
    assert json.loads(record.value()) == {**order, "order_id": order_id}
    assert record.headers() == [("content-type", b"application/json")]


def test_one_customer_is_one_partition_in_the_order_taken(api: Producer, broker: Broker, topic: str) -> None:
    customer = str(uuid.uuid4())
    for number in range(5):
        assert api.post("/order", {**ORDER, "customer_id": customer, "quantity": number + 1}).status == 202
    batch = [{**ORDER, "customer_id": customer, "quantity": number + 6} for number in range(1000)]
    assert api.post(BATCH, batch).json == {"accepted": 1000}
    found = mine(broker, topic, customer)
    assert len({record.partition() for record in found}) == 1
    assert [json.loads(record.value())["quantity"] for record in found] == list(range(1, 1006))


def test_an_idempotency_key_gives_the_same_ids_again(api: Producer, broker: Broker, topic: str) -> None:
    key = str(uuid.uuid4())
    first, again = (api.post("/order", RAW, Idempotency_Key=key).json for _ in range(2))
    assert first == again
    assert api.post("/order", RAW, Idempotency_Key=key + "x").json != first
    assert api.post("/order", {**ORDER, "order_id": "own"}, Idempotency_Key=key).json == {"order_id": "own"}
    refused = api.post("/order", {**ORDER, "quantity": 77}, Idempotency_Key=key)
    problem(refused, 422, "Idempotency-Key")
    customer = str(uuid.uuid4())
    batch = [{**ORDER, "customer_id": customer}] * 2
    for body, media_type in ((batch, "application/json"), (lines(batch), NDJSON)):
        assert api.post(BATCH, body, media_type, Idempotency_Key=key).status == 202
    ids = [json.loads(record.value())["order_id"] for record in mine(broker, topic, customer)]
    assert (len(ids), len(set(ids))) == (4, 2)


def test_a_batch_names_each_failed_order_and_takes_the_others(api: Producer) -> None:
    batch = [ORDER, {**ORDER, "quantity": 0}, ORDER, [], {**ORDER, "note": "x" * 1000}]
    for body, media_type in ((batch, "application/json"), (lines(batch), NDJSON)):
        answer = api.post(BATCH, body, media_type)
        assert (answer.status, answer.json["accepted"]) == (207, 2)
        assert [(each["index"], each["status"], each.get("field")) for each in answer.json["failed"]] == [
            (1, 422, "quantity"),
            (3, 422, None),
            (4, 413, None),
        ]


def test_ndjson_counts_lines_and_tells_bad_ones(api: Producer) -> None:
    answer = api.post(BATCH, lines([ORDER, b"", b"nonsense", b"\r", ORDER])[:-1], NDJSON)
    assert (answer.status, answer.json["accepted"]) == (207, 2)
    assert [(each["index"], each["status"]) for each in answer.json["failed"]] == [(2, 400)]
    assert api.post(BATCH, lines([ORDER]) * 2000, NDJSON).json == {"accepted": 2000}
    over = api.post(BATCH, lines([ORDER]) * 2001, NDJSON)
    assert (over.status, over.json["accepted"], over.json["failed"][0]["index"]) == (207, 2000, 2000)
    assert over.json["failed"][0]["status"] == 413


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_packed_bodies(api: Producer, broker: Broker, topic: str, pack: Any) -> None:
    encoding = "gzip" if pack is gzip.compress else "zstd"
    customer = str(uuid.uuid4())
    raw = json.dumps({**ORDER, "customer_id": customer}).encode()
    cases = [("/order", raw, "application/json"), (BATCH, b"[" + raw + b"]", "application/json")]
    cases += [(BATCH, raw + b"\n" + raw, NDJSON)]
    for path, body, media_type in cases:
        assert api.post(path, pack(body), media_type, Content_Encoding=encoding).status == 202
        half = len(body) // 2
        two = pack(body[:half]) + pack(body[half:])
        assert api.post(path, two, media_type, Content_Encoding=encoding).status == 202
        for cut in (2, 12, len(pack(body)) - 1):
            problem(api.post(path, pack(body)[:cut], media_type, Content_Encoding=encoding), 400, "Content-Encoding")
        problem(api.post(path, body, media_type, Content_Encoding=encoding), 400, "Content-Encoding")
        bomb = pack(bytes(20_000_000))
        problem(api.post(path, bomb, media_type, Content_Encoding=encoding), 413)
        problem(api.post(path, pack(body), media_type, Content_Encoding="br"), 415, "Content-Encoding")
    assert len(mine(broker, topic, customer)) == 8


BAD: list[tuple[str, Any, int, str]] = [
    ("/order", b"", 400, ""),
    ("/order", b"nonsense", 400, ""),
    ("/order", RAW[:-1], 400, ""),
    ("/order", RAW.replace(b"19.9", b"NaN"), 400, ""),
    ("/order", RAW[:-1] + b',"note":"\xff"}', 400, ""),
    ("/order", [], 422, ""),
    ("/order", {}, 422, "customer_id"),
    ("/order", {**ORDER, "customer_id": ""}, 422, "customer_id"),
    ("/order", {**ORDER, "product_id": 3}, 422, "product_id"),
    ("/order", {**ORDER, "quantity": 1.5}, 422, "quantity"),
    ("/order", {**ORDER, "amount": -1}, 422, "amount"),
    ("/order", {**ORDER, "order_id": "x" * 65}, 422, "order_id"),
    ("/order", RAW[:-1] + b',"x":' + b"[" * 400 + b"]" * 400 + b"}", 422, ""),
    ("/order", {**ORDER, "note": "x" * 1000}, 413, ""),
    (BATCH, b"nonsense", 400, ""),
    (BATCH, b"[" + RAW + b",]", 400, ""),
    (BATCH, b"[" + RAW + b', "\xff"]', 400, ""),
    (BATCH, b"[" * 100_000, 422, ""),
    (BATCH, RAW, 422, ""),
    (BATCH, [], 422, ""),
    (BATCH, [{}], 422, ""),
    (BATCH, [1] * 2001, 413, ""),
    (BATCH, b"[" + b" " * 500_000 + b"]", 413, ""),
]


@pytest.mark.parametrize(("path", "body", "status", "field"), BAD)
def test_what_is_not_an_order_is_told_so(api: Producer, path: str, body: Any, status: int, field: str) -> None:
    problem(api.post(path, body), status, field)


def test_nothing_of_a_bad_ndjson_is_a_problem_that_lists_its_lines(api: Producer) -> None:
    body = problem(api.post(BATCH, b"x\n{}\n", NDJSON), 422)
    assert body["accepted"] == 0
    assert [(each["index"], each["status"]) for each in body["failed"]] == [(0, 400), (1, 422)]
    problem(api.post(BATCH, b"\n\n", NDJSON), 422)
    problem(api.post(BATCH, b"x" * 500_001, NDJSON), 413)


def test_wrong_types_methods_paths_and_headers(api: Producer) -> None:
    problem(api.post("/order", RAW, "text/plain"), 415, "Content-Type")
    problem(api.post("/order", RAW, NDJSON), 415, "Content-Type")
    problem(api.post(BATCH, RAW, "application/xml"), 415, "Content-Type")
    problem(api.call("POST", "/order", RAW), 415, "Content-Type")
    assert api.post("/order", RAW, "Application/JSON; charset=utf-8").status == 202
    problem(api.post("/orders", RAW), 404)
    problem(api.call("GET", "/order/"), 404)
    assert problem(api.call("GET", "/order"), 405)["detail"].endswith("use POST")
    assert api.call("GET", "/order").headers["allow"] == "POST"
    assert api.post("/health", RAW).headers["allow"] == "GET, HEAD"
    problem(api.post("/order", RAW, Idempotency_Key=""), 400, "Idempotency-Key")
    problem(api.post("/order", RAW, Idempotency_Key="k" * 256), 400, "Idempotency-Key")


def test_probes_description_page_and_metrics(api: Producer, request: pytest.FixtureRequest) -> None:
    for path in ("/health", "/ready"):
        answer = api.call("GET", path)
        assert (answer.status, answer.json, answer.headers["cache-control"]) == (200, {"status": "ok"}, "no-store")
        assert api.call("HEAD", path).body == b""
    document = api.call("GET", "/openapi.json").json
    assert document["openapi"] == "3.1.0"
    page = api.call("GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert b"POST /orders/batch" in page.body
    assert api.post(BATCH, [ORDER, {**ORDER, "quantity": 0}]).status == 207
    before, after = 0.0, 0.0
    for turn in range(2):
        text = api.call("GET", "/metrics").body.decode()
        value = float(text.split("\norderpipeline_orders_acked_total ")[1].split()[0])
        before, after = (value, after) if turn == 0 else (before, value)
        assert api.post(BATCH, [ORDER] * 10).status == 202
    assert after - before == 10
    assert 'orderpipeline_http_requests_total{route="/orders/batch",status="207"}' in text
    assert "orderpipeline_in_flight_bytes 0.0" in text
    engine = {"on": "accelerator", "off": "python"}[request.node.callspec.params["api"]]
    assert f'orderpipeline_build_info{{engine="{engine}",' in text
    assert api.log.read_text().count(f'"message": "engine: {engine}"') == 1
