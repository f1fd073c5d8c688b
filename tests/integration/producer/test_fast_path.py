"""The accelerator's fast path for single orders against a real broker, alone and in the order API."""

import asyncio
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from orderpipeline_common.background import Background
from orderpipeline_producer.api.jwt_clients import LEEWAY_SECONDS
from orderpipeline_producer.decoding.order_ids import TimeOrderedIds
from orderpipeline_producer.fast_path import Compiled
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from orderpipeline_producer.kafka.producer_client import RECORD_HEADERS
from orderpipeline_producer.metrics import BUCKETS
from tests.integration.producer.test_accelerated_client import PARTITIONS, config, ignore, records, wait
from tests.support.broker import Broker
from tests.support.producer_process import Producer, running
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.accelerator]

HEAD = b"POST /order HTTP/1.1\r\nHost: x"
BODY = b'{"customer_id":"c","product_id":"p","quantity":1,"amount":1}'
OVERHEAD = 100
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def segment(body: bytes = BODY, head: bytes = HEAD) -> bytes:
    return head + b"\r\n\r\n" + body


class At:
    """The fast path of a client of its own, and what it has called back with."""

    def __init__(
        self,
        broker: Broker,
        topic: str,
        loop: asyncio.AbstractEventLoop,
        *,
        wait: bool = True,
        room: int = 10**6,
        **more: Any,
    ) -> None:
        self.client = AcceleratedClient(config(broker, **more), topic, room, ignore, Background(loop=loop))
        self.acked = 0
        self.failed: list[Any] = []
        self.replies: list[Any] = []
        self.waits = wait
        ids = TimeOrderedIds(time.time_ns, os.urandom)
        self.path: Compiled = self.client.compiled.fast_path(  # type: ignore[union-attr]
            wait=wait, order_bytes=1000, in_flight_bytes=room, in_flight=self.client.in_flight.counter,
            overhead=OVERHEAD, bounds=BUCKETS, new_id_prefix=ids.block, on_acked=self._on_acked,
            on_failed=lambda *each: self.failed.append(each),
        )  # fmt: skip
        self.path.set_reply_prefix(b"202 ")
        self.path.allow_head(HEAD, len(BODY))

    @property
    def in_flight(self) -> int:
        return self.client.in_flight.bytes

    def _on_acked(self, orders: int) -> None:
        self.acked += orders

    def ready(self) -> "At":
        wait(self.client, lambda: self.client.check() == "")
        return self


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """It never runs: the tests poll."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def topic(broker: Broker) -> str:
    return broker.create_topic(f"fast-path-{time.monotonic_ns()}", PARTITIONS)


@pytest.fixture
def at(broker: Broker, topic: str, loop: asyncio.AbstractEventLoop) -> Iterator[Callable[..., At]]:
    made: list[At] = []

    def make(topic: str = topic, **more: Any) -> At:
        made.append(At(broker, topic, loop, **more).ready())
        return made[-1]

    yield make
    assert [each.client.close(60.0) for each in made] == [0] * len(made)
    assert [each.in_flight for each in made] == [0] * len(made)


def test_an_order_is_answered_when_it_is_in_kafka(at: Callable[..., At], broker: Broker, topic: str) -> None:
    it = at()
    assert it.path.try_now(segment(), it.replies.append) == b""
    assert it.in_flight == 1 + len(BODY) + 36 + 14 + OVERHEAD
    assert not it.replies
    wait(it.client, lambda: bool(it.replies))
    begin, _, answer = it.replies[0].partition(b"\r\n\r\n")
    order_id = json.loads(answer)["order_id"]
    assert begin == b"202 %d" % len(answer)
    assert ID.fullmatch(order_id)
    assert [record[1:] for record in records(broker, topic)] == [
        (b"c", b'{"order_id":"%b",' % order_id.encode() + BODY[1:], RECORD_HEADERS)
    ]
    accepted, (single, batches) = it.path.drain_counts()
    counts, seconds = single
    none = ([0] * (len(BUCKETS) + 1), 0.0)
    assert (it.acked, accepted, sum(counts), len(counts), batches) == (1, 1, 1, len(BUCKETS) + 1, none)
    assert 0 < seconds < 300
    assert it.path.drain_counts() == (0, [none, none])


@pytest.mark.parametrize("waits", [True, False])
def test_a_batch_of_one_is_answered_as_a_batch(at: Callable[..., At], broker: Broker, topic: str, waits: bool) -> None:
    it, body = at(wait=waits), b" [\n%b ]" % BODY
    it.path.allow_head(HEAD, len(body), None, True)
    reply = it.path.try_now(segment(body), it.replies.append)
    wait(it.client, lambda: it.acked == 1)
    assert (it.replies[0] if waits else reply) == b'202 14\r\n\r\n{"accepted":1}'
    ((_, key, value, _),) = records(broker, topic)
    assert (key, value[:13], value[-len(BODY) + 1 :]) == (b"c", b'{"order_id":"', BODY[1:])
    accepted, (single, batches) = it.path.drain_counts()
    assert (accepted, sum(single[0]), sum(batches[0])) == (1, 0, 1)
    it.path.allow_head(HEAD, 2 * len(BODY) + 3, None, True)
    assert it.path.try_now(segment(b"[%b,%b]" % (BODY, BODY)), it.replies.append) is None


def test_where_nobody_waits_the_reply_comes_at_once(at: Callable[..., At], broker: Broker, topic: str) -> None:
    it = at(wait=False, room=10**7)
    replies = [it.path.try_now(segment(), it.replies.append) for _ in range(5000)]
    ids = {bytes(reply).partition(b"\r\n\r\n")[2] for reply in replies if reply}
    assert len(ids) == 5000
    wait(it.client, lambda: it.acked == 5000)
    assert not it.replies
    found = {b'{"order_id":"%b"}' % json.loads(value)["order_id"].encode() for *_, value, _ in records(broker, topic)}
    assert found == ids


@pytest.mark.parametrize(
    "data",
    [
        b"",
        HEAD,
        segment() + b" ",
        segment()[:-1],
        segment(head=HEAD + b"y"),
        segment(head=HEAD[:-1]),
        segment(head=HEAD + b"\r\nContent-Encoding: gzip"),
        segment(BODY[:-1] + b","),
        segment(BODY.replace(b'"quantity":1', b'"quantity":0')),
        segment(BODY.replace(b'"c"', b'"\\"')),
        b"\r\n" + segment(),
        segment() + segment(),
    ],
)
def test_what_is_anything_else_is_left_alone(at: Callable[..., At], broker: Broker, topic: str, data: bytes) -> None:
    it = at()
    assert it.path.try_now(data, it.replies.append) is None
    assert (it.in_flight, it.path.drain_counts()[0], records(broker, topic)) == (0, 0, [])


def test_room_is_asked_for_but_by_the_first(at: Callable[..., At]) -> None:
    it = at(room=1, **{"linger.ms": 10_000})  # the first is on its way until all is asked
    counter = it.client.in_flight.counter
    counter.value = 1
    assert it.path.try_now(segment(), it.replies.append) is None
    counter.value = 0
    assert it.path.try_now(segment(), it.replies.append) == b""
    assert it.path.try_now(segment(), it.replies.append) is None
    it.path.allow_head(HEAD, 1001)
    assert it.path.try_now(segment(BODY + b" " * (1001 - len(BODY))), it.replies.append) is None


def test_who_gives_up_is_not_told(at: Callable[..., At]) -> None:
    it = at(**{"linger.ms": 3000})
    other: list[Any] = []
    on_reply, on_other = it.replies.append, other.append
    assert it.path.try_now(segment(), on_reply) == it.path.try_now(segment(), on_other) == b""
    answer, seconds, batch = it.path.give_up(on_reply) or (b"", -1.0, True)
    assert answer.startswith(b'{"order_id":"')
    assert not batch
    assert 0 <= seconds < 300
    assert it.path.give_up(on_reply) is None
    wait(it.client, lambda: bool(other))
    assert (it.acked, it.replies) == (2, [])


def test_what_the_broker_refuses_is_told_with_its_id(at: Callable[..., At], broker: Broker) -> None:
    small = broker.create_topic(f"small-{time.monotonic_ns()}", 1, {"max.message.bytes": "500"})
    it = at(small)
    noise = os.urandom(400).hex().encode()
    body = BODY[:-1] + b',"note":"%b","order_id":"mine"}' % noise
    it.path.allow_head(HEAD, len(body))
    on_reply = it.replies.append
    assert it.path.try_now(segment(body), on_reply) == b""
    wait(it.client, lambda: bool(it.failed))
    assert it.failed == [(on_reply, 10, b'{"order_id":"mine"}', pytest.approx(150, abs=150), False)]
    assert (it.acked, it.replies, it.in_flight) == (0, [], 0)


def test_a_quota_is_charged_and_asked_without_python(at: Callable[..., At]) -> None:
    from orderpipeline_accelerator import TokenBucket

    it, bucket = at(), TokenBucket(3)
    it.path.allow_head(HEAD, len(BODY), bucket)
    accepted = [it.path.try_now(segment(), it.replies.append) for _ in range(3)]
    bucket.charge(10**6)  # so that no time that passes here refills it
    assert accepted == [b""] * 3
    assert it.path.try_now(segment(), it.replies.append) is None
    it.path.allow_head(HEAD, len(BODY))
    assert it.path.try_now(segment(), it.replies.append) == b"", "another client's"
    assert bucket.wait() > 10**5
    wait(it.client, lambda: len(it.replies) == 4)


def test_heads_are_allowed_until_they_are_forgotten(at: Callable[..., At]) -> None:
    it = at()
    it.path.forget_heads()
    assert it.path.try_now(segment(), it.replies.append) is None
    it.path.allow_head(HEAD, len(BODY))
    assert it.path.try_now(segment(), it.replies.append) == b""
    wait(it.client, lambda: bool(it.replies))


def asked(client: socket.socket, key: str = "") -> tuple[int, Any]:
    """One order as one segment; the status and the JSON of the reply."""
    fields = b"Authorization: Bearer %b\r\n" % key.encode() if key else b""
    client.sendall(
        b"POST /order HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b"
        % (fields, len(BODY), BODY)
    )
    reply = client.recv(65536)
    return int(reply.split()[1]), json.loads(reply.partition(b"\r\n\r\n")[2])


def metric(producer: Producer, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (.+)$", producer.call("GET", "/metrics").body.decode(), re.MULTILINE)
    assert found, name
    return float(found[1])


@pytest.mark.parametrize("durability", ["acked", "accepted"])
def test_the_order_api_counts_what_the_accelerator_accepts(
    broker: Broker, topic: str, tmp_path: Path, durability: str
) -> None:
    with running(broker, topic, tmp_path, ACCELERATOR="on", DURABILITY=durability) as producer:
        with socket.create_connection(("127.0.0.1", producer.port), timeout=60) as client:
            replies = [asked(client) for _ in range(50)]
        assert {status for status, _ in replies} == {202}
        for name in ("accepted", "acked"):
            counter = f"orderpipeline_orders_{name}_total"
            wait_until(counter, lambda counter=counter: metric(producer, counter) >= 50)
            assert metric(producer, counter) == 50
        assert metric(producer, 'orderpipeline_http_requests_total{route="/order",status="202"}') == 50
        assert metric(producer, "orderpipeline_in_flight_bytes") == 0
        found = {json.loads(value)["order_id"] for *_, value, _ in records(broker, topic)}
        assert found == {reply["order_id"] for _, reply in replies}


def test_a_frozen_broker_gives_an_ambiguous_503_to_an_order_on_the_fast_path(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    with (
        running(broker, topic, tmp_path, ACCELERATOR="on", REQUEST_TIMEOUT_SECONDS="2") as producer,
        socket.create_connection(("127.0.0.1", producer.port), timeout=60) as client,
    ):
        end = time.monotonic() + 60
        for _ in range(2):  # the accelerator accepts the second; a broker that is busy may take its time
            while (status := asked(client)[0]) != 202:
                assert (status, time.monotonic() < end) == (503, True)
        broker.pause()
        try:
            status, problem = asked(client)
            assert status == 503
            assert "may already be in the log" in problem["detail"]
            assert ID.fullmatch(problem["order_id"])
        finally:
            broker.resume()


def test_a_key_that_is_withdrawn_ends_on_the_fast_path_too(broker: Broker, topic: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("shop", "till"):
        (keys / name).write_text(name * 5)
    with (
        running(broker, topic, tmp_path, ACCELERATOR="on", AUTH_MODE="ApiKey", API_KEYS_DIR=str(keys)) as producer,
        socket.create_connection(("127.0.0.1", producer.port), timeout=60) as client,
    ):
        assert {asked(client, key)[0] for key in ("shop" * 5, "till" * 5) * 5} == {202}
        assert asked(client, "shop" * 6)[0] == 403
        (keys / "shop").unlink()
        wait_until("the key is withdrawn", lambda: asked(client, "shop" * 5)[0] == 403)
        assert asked(client, "till" * 5)[0] == 202


@contextmanager
def issuer(keys: dict[str, Any]) -> Iterator[str]:
    """The address at which these keys are published, as a JSON Web Key Set, as long as it lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": [*keys.values()]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/keys"
        server.shutdown()
        thread.join()


def test_a_token_ends_on_the_fast_path_too_and_new_keys_are_read(broker: Broker, topic: str, tmp_path: Path) -> None:
    keys: dict[str, Any] = {}

    def new_key(name: str) -> Callable[[float], str]:
        """What signs tokens that last for so many seconds."""
        private = ec.generate_private_key(ec.SECP256R1())
        keys[name] = {**json.loads(ECAlgorithm.to_jwk(private.public_key())), "kid": name}
        claims = {"iss": "https://login.example.com", "aud": "orders", "sub": "shop"}
        return lambda seconds: jwt.encode({**claims, "exp": time.time() + seconds}, private, "ES256", {"kid": name})

    first = new_key("first")
    with (
        issuer(keys) as address,
        running(
            broker, topic, tmp_path, ACCELERATOR="on", AUTH_MODE="JWT", JWT_ISSUER="https://login.example.com",
            JWT_AUDIENCE="orders", JWT_JWKS_URI=address, JWT_ALGORITHMS="ES256",
        ) as producer,
        socket.create_connection(("127.0.0.1", producer.port), timeout=60) as client,
    ):  # fmt: skip
        lasting = first(3600)
        wait_until("the keys are read", lambda: asked(client, lasting)[0] == 202)
        short = first(5 - LEEWAY_SECONDS)
        assert {asked(client, key)[0] for key in (short, lasting) * 5} == {202}
        wait_until("the token has expired", lambda: asked(client, short)[0] == 401)
        second = new_key("second")(3600)
        wait_until("the second key is read", lambda: asked(client, second)[0] == 202)
        assert asked(client, lasting)[0] == 202
        del keys["first"]
        third = new_key("third")(3600)
        wait_until("the third key is read", lambda: asked(client, third)[0] == 202)
        assert asked(client, lasting)[0] == 401
        assert asked(client, "")[0] == 401


def test_the_quota_holds_on_the_fast_path_too(broker: Broker, topic: str, tmp_path: Path) -> None:
    with (
        running(broker, topic, tmp_path, ACCELERATOR="on", CLIENT_ORDERS_PER_SECOND="20") as producer,
        socket.create_connection(("127.0.0.1", producer.port), timeout=60) as client,
    ):
        began = time.monotonic()
        statuses = [asked(client)[0] for _ in range(400)]
        seconds = time.monotonic() - began
        assert set(statuses) == {202, 429}
        assert statuses[:20] == [202] * 20
        assert statuses.count(202) <= 20 + 20 * seconds
        found = len(records(broker, topic))
        assert found == statuses.count(202) == metric(producer, "orderpipeline_orders_accepted_total")
