"""The fast path in Python: what it accepts, and its replies."""

import asyncio
import json
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError
from prometheus_client import generate_latest

from orderpipeline_producer.api.admission import Admission
from orderpipeline_producer.api.auth import ApiKeys
from orderpipeline_producer.api.orders import Orders
from orderpipeline_producer.api.quota import Quota
from orderpipeline_producer.api.routes import PATHS
from orderpipeline_producer.decoding.order_ids import TimeOrderedIds
from orderpipeline_producer.decoding.reader import PYTHON, OrderReader
from orderpipeline_producer.fast_path import PythonFastPath, allowed_head
from orderpipeline_producer.http.responses import Responses
from orderpipeline_producer.metrics import Metrics, make_registry
from orderpipeline_producer.settings import Limits
from orderpipeline_producer.web.request import BodyMemoryBudget
from tests.unit.producer.fakes import ORDER, FakeProducer, client_of, full_bucket

FIELDS = b"Host: x\r\nContent-Type: application/json\r\n"


def head(fields: bytes = FIELDS, line: bytes = b"POST /order HTTP/1.1", length: int = len(ORDER)) -> bytes:
    return line + b"\r\n" + fields + b"Content-Length: %d" % length


def segment(body: bytes = ORDER, fields: bytes = FIELDS, path: bytes = b"/order") -> bytes:
    return head(fields, b"POST %b HTTP/1.1" % path, len(body)) + b"\r\n\r\n" + body


def batch(body: bytes) -> bytes:
    return segment(body, path=b"/orders/batch")


class FakeApi:
    """A fast path with a Kafka client that does what the test says."""

    def __init__(
        self,
        *,
        wait: bool = True,
        problem: str = "",
        identify: Callable[[str], str] | None = None,
        quota: int = 0,
        in_flight: int = 10**9,
    ) -> None:
        self.producer, metrics = FakeProducer(), Metrics(PATHS)
        self.client = client_of(self.producer, in_flight)
        self.orders = Orders(
            reader=OrderReader(Limits(order_bytes=1000), PYTHON),
            client=self.client,
            admission=Admission(identify, Quota(quota, full_bucket), lambda: problem, metrics),
            ids=TimeOrderedIds(lambda: 0, bytes),
            body_memory=BodyMemoryBudget(1000),
            metrics=metrics,
            wait=wait,
        )
        self.path = PythonFastPath(self.orders, Responses(0.0), asyncio.get_running_loop().time)
        self.replies: list[bytes] = []
        self.on_reply = self.replies.append

    def try_now(self, data: bytes) -> bytes | None:
        return self.path.try_now(data, self.on_reply)

    def counts(self) -> str:
        registry = make_registry(self.orders.metrics, self.client.in_flight, self.path.add_counts, lambda: 0.0)
        return generate_latest(registry).decode()


def parsed(reply: bytes) -> tuple[int, dict[str, object]]:
    start, _, body = reply.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(body) in start
    return int(start.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    "raw",
    [
        head(line=b"PUT /order HTTP/1.1"),
        head(line=b"POST /orders HTTP/1.1"),
        head(line=b"POST /order HTTP/1.0"),
        head(length=0),
        head(FIELDS + b"Connection: close\r\n"),
        head(FIELDS + b"Expect: 100-continue\r\n"),
        head(FIELDS + b"Content-Encoding: gzip\r\n"),
        head(FIELDS + b"Idempotency-Key: a\r\n"),
        head(FIELDS + b"traceparent: 00-a\r\n"),
        head(b"Host: x\r\nContent-Type: application/x-ndjson\r\n"),
        head(b"Host: x\r\n"),
        b"POST /order HTTP/1.1\r\n" + FIELDS + b"Transfer-Encoding: chunked",
        b"GARBAGE",
    ],
)
def test_heads_that_ask_for_more_do_not_allow_the_fast_path(raw: bytes) -> None:
    assert allowed_head(raw) is None


def test_an_allowed_head_has_the_length_and_the_key() -> None:
    found = allowed_head(
        head(b"AUTHORIZATION: Bearer k\r\nContent-Type: Application/JSON; charset=utf-8\r\nHost: x\r\n")
    )
    assert found is not None
    assert (found.route, found.length, found.authorization) == ("/order", len(ORDER), "Bearer k")


async def test_the_reply_waits_for_kafka_and_comes_once() -> None:
    api = FakeApi()
    assert api.try_now(segment()) == b""
    assert api.replies == []
    api.producer.finish()
    api.producer.poll(0)
    status, body = parsed(api.replies[0])
    assert (status, body) == (202, {"order_id": json.loads(api.producer.values[0])["order_id"]})
    assert (len(api.replies), api.client.in_flight.bytes, api.path.pending) == (1, 0, {})
    assert 'orderpipeline_http_requests_total{route="/order",status="202"} 1.0' in api.counts()
    api.client.close(0)


async def test_an_accepted_order_is_answered_at_once() -> None:
    api = FakeApi(wait=False)
    reply = api.try_now(segment(ORDER[:-1] + b',"order_id":"a\\"b"}'))
    assert reply is not None
    assert parsed(reply) == (202, {"order_id": 'a"b'})
    assert "orderpipeline_orders_accepted_total 1.0" in api.counts()
    api.client.close(0)


@pytest.mark.parametrize(("error", "status"), [(KafkaError._MSG_TIMED_OUT, 503), (KafkaError.MSG_SIZE_TOO_LARGE, 413)])
async def test_an_order_that_kafka_fails_gets_its_problem(error: int, status: int) -> None:
    api = FakeApi()
    api.try_now(segment())
    while not api.replies:  # what may be too large is sent again first
        api.producer.finish(error)
        api.producer.poll(0)
    found, body = parsed(api.replies[0])
    assert (found, body["order_id"]) == (status, json.loads(api.producer.values[0])["order_id"])
    assert (b"Retry-After: 1" in api.replies[0]) is (status == 503)
    assert f'orderpipeline_http_requests_total{{route="/order",status="{status}"}} 1.0' in api.counts()
    api.client.close(0)


async def test_an_order_that_was_given_up_is_not_answered_again_but_the_next_one_is() -> None:
    api = FakeApi()
    api.try_now(segment())
    status, body = parsed(api.path.give_up(api.on_reply))
    assert (status, body["order_id"]) == (503, json.loads(api.producer.values[0])["order_id"])
    assert "may already be in the log" in str(body["detail"])
    assert api.try_now(segment()) == b""
    api.producer.finish(count=1)
    api.producer.poll(0)
    assert api.replies == []
    api.producer.finish()
    api.producer.poll(0)
    assert [parsed(reply)[0] for reply in api.replies] == [202]
    api.client.close(0)


async def test_a_batch_of_one_is_accepted_like_an_order() -> None:
    api = FakeApi()
    assert api.try_now(batch(b" [\n" + ORDER + b" ]\n")) == b""
    api.producer.finish()
    api.producer.poll(0)
    assert parsed(api.replies[0]) == (202, {"accepted": 1})
    assert json.loads(api.producer.values[0])["customer_id"] == "c"
    assert 'orderpipeline_http_requests_total{route="/orders/batch",status="202"} 1.0' in api.counts()
    assert 'route="/order",status="202"} 1.0' not in api.counts()
    api.client.close(0)
    at_once = FakeApi(wait=False)
    assert parsed(at_once.try_now(batch(b"[%b]" % ORDER)) or b"") == (202, {"accepted": 1})
    at_once.client.close(0)


@pytest.mark.parametrize("body", [b"[]", b"[{}]", b"[%b,%b]" % (ORDER, ORDER), ORDER, b"[[%b]]" % ORDER, b"[", b"]"])
async def test_any_other_batch_is_left_to_the_api(body: bytes) -> None:
    api = FakeApi()
    assert api.try_now(batch(body)) is None
    assert api.producer.values == []
    api.client.close(0)


async def test_a_batch_of_one_that_fails_gets_the_reply_that_a_batch_gets() -> None:
    api = FakeApi()
    api.try_now(batch(b"[%b]" % ORDER))
    api.try_now(batch(b"[%b]" % ORDER))
    given_up = api.path.give_up(api.on_reply)
    api.try_now(batch(b"[%b]" % ORDER))
    api.producer.finish(KafkaError._MSG_TIMED_OUT)
    api.producer.poll(0)
    for reply, order in ((given_up, api.producer.values[1]), (api.replies[0], api.producer.values[2])):
        status, body = parsed(reply)
        assert isinstance(body["failed"], list)
        (entry,) = body["failed"]
        assert (status, body["accepted"], entry["index"], entry["status"]) == (503, 0, 0, 503)
        assert entry["order_id"] == json.loads(order)["order_id"]
        assert "may already be in the log" in entry["detail"]
        assert b"Retry-After: 1" in reply
    assert 'orderpipeline_http_requests_total{route="/orders/batch",status="503"} 2.0' in api.counts()
    api.client.close(0)


@pytest.mark.parametrize(
    "data", [b"", head(), segment() + b" ", segment()[:-1], segment(b"{}"), segment(b" " * 1001), segment() * 2]
)
async def test_anything_else_is_left_to_the_api(data: bytes) -> None:
    api = FakeApi()
    assert api.try_now(data) is None
    assert (api.producer.values, api.client.in_flight.bytes) == ([], 0)
    api.client.close(0)


async def test_what_may_not_be_sent_now_is_left_to_the_api() -> None:
    down = FakeApi(problem="Kafka is unreachable")
    assert down.try_now(segment()) is None
    full = FakeApi(in_flight=1)
    assert [full.try_now(segment()), full.try_now(segment())] == [b"", None]
    refused = FakeApi()
    refused.producer.room = 0
    assert (refused.try_now(segment()), refused.path.pending) == (None, {})
    for api in (down, full, refused):
        assert 'status="503"' not in api.counts()
        api.client.close(0)


async def test_keys_and_quotas_apply() -> None:
    keys = ApiKeys({})
    api = FakeApi(identify=keys.client)
    assert api.try_now(segment(fields=FIELDS + b"Authorization: Bearer nobody\r\n")) is None
    api.client.close(0)
    limited = FakeApi(identify=lambda authorization: authorization, quota=1)
    mine, other = (segment(fields=FIELDS + b"Authorization: %b\r\n" % name) for name in (b"me", b"you"))
    assert [limited.try_now(mine), limited.try_now(mine), limited.try_now(other)] == [b"", None, b""]
    limited.client.close(0)
