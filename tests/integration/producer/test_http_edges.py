"""HTTP at its edges, on raw sockets: framing, deadlines, half-closed and pipelined connections, expectations."""

import json
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.producer.http_server import closes_on_single_bytes
from tests.support.broker import Broker
from tests.support.producer_process import ACCELERATORS, ORDER, STATUS, Producer, records, running

pytestmark = pytest.mark.integration
RAW = json.dumps(ORDER).encode()
SECONDS, PATIENCE = 2.0, 60.0
"""How long a request may take: of the API that is to lose patience, and of the other."""
JSON = b"Host: x\r\nContent-Type: application/json\r\n"
NDJSON = b"Host: x\r\nContent-Type: application/x-ndjson\r\n"
CHUNK = b"%x\r\n%s\r\n" % (len(RAW), RAW)


def post(headers: bytes, body: bytes, path: bytes = b"/order") -> bytes:
    return b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (path, headers, len(body), body)


CHUNKED = b"POST /order HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNKED_LINES = b"POST /orders/batch HTTP/1.1\r\n" + NDJSON + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def topic(broker: Broker) -> str:
    return broker.create_topic(f"orders-{uuid.uuid4().hex}", 3)


@pytest.fixture(scope="module", params=ACCELERATORS)
def accelerator(request: pytest.FixtureRequest) -> str:
    """With it and without."""
    return str(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("producer")


@pytest.fixture(scope="module")
def api(broker: Broker, topic: str, folder: Path, accelerator: str) -> Iterator[Producer]:
    yield from _good(
        broker,
        topic,
        folder,
        ACCELERATOR=accelerator,
        HEAD_TIMEOUT_SECONDS=str(PATIENCE),
        REQUEST_TIMEOUT_SECONDS=str(PATIENCE),
    )


@pytest.fixture(scope="module")
def impatient(broker: Broker, topic: str, folder: Path, accelerator: str) -> Iterator[Producer]:
    yield from _good(
        broker,
        topic,
        folder,
        ACCELERATOR=accelerator,
        HEAD_TIMEOUT_SECONDS=str(SECONDS),
        REQUEST_TIMEOUT_SECONDS=str(SECONDS),
    )


def _good(broker: Broker, topic: str, folder: Path, **settings: str) -> Iterator[Producer]:
    with running(broker, topic, folder, **settings) as producer:
        yield producer
        assert producer.stop() == 0
        assert "Traceback" not in producer.log.read_text()


@pytest.fixture
def taken(broker: Broker, topic: str) -> Iterator[list[int]]:
    """How many orders the test puts into Kafka: it fills this in, and what is there is compared."""
    before = len(records(broker, topic))
    expected: list[int] = []
    yield expected
    assert len(records(broker, topic)) - before == sum(expected)


def statuses(reply: bytes) -> list[int]:
    found = [int(status) for status in STATUS.findall(reply)]
    assert reply.count(b"application/problem+json") == sum(status >= 400 for status in found), reply
    return found


def test_a_good_chunked_order(api: Producer, taken: list[int]) -> None:
    assert statuses(api.raw(CHUNKED, CHUNK, b"0\r\nX-Trailer: y\r\n\r\n")) == [202]
    assert statuses(api.raw(*[bytes([byte]) for byte in CHUNKED + CHUNK + b"0\r\n\r\n"], pause=0.001)) == [202]
    taken.append(2)


@pytest.mark.parametrize(
    "pieces",
    [
        (CHUNKED, b"zz\r\n"),
        (CHUNKED + b"zz\r\n",),
        (CHUNKED, CHUNK + b"0\r\n", b"bad trailer\r\n\r\n"),
        (CHUNKED, CHUNK[:-2] + b"x"),
        (CHUNKED, b"-1\r\n"),
        (CHUNKED, b"fffffffffffffffff\r\n"),
    ],
)
def test_malformed_chunks_are_refused_soon(api: Producer, pieces: tuple[bytes, ...], taken: list[int]) -> None:
    begun = time.monotonic()
    assert statuses(api.raw(*pieces)) == [400]
    assert time.monotonic() - begun < PATIENCE, "it does not wait for more"
    taken.append(0)


def test_a_malformed_chunk_after_good_lines_tells_what_was_taken(api: Producer, taken: list[int]) -> None:
    line = RAW + b"\n"
    reply = api.raw(CHUNKED_LINES, b"%x\r\n%s\r\n" % (2 * len(line), 2 * line), b"zz\r\n")
    assert statuses(reply) == [207]
    body = json.loads(reply.partition(b"\r\n\r\n")[2])
    assert (body["accepted"], body["failed"][0]["index"], body["failed"][0]["status"]) == (2, 2, 400)
    taken.append(2)


def test_endless_chunk_extensions_end_at_the_deadline(impatient: Producer, taken: list[int]) -> None:
    begun = time.monotonic()
    pieces = [b"a" * 1000] * 40
    assert statuses(impatient.raw(CHUNKED, b"5;", *pieces)) == [408]
    assert time.monotonic() - begun < PATIENCE
    taken.append(0)


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ((b"POST /order HT",), 0),
        ((b"GET /health HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n", b"X: z\r\n"), 0),
        ((b"POST /order HTTP/1.1\r\n" + JSON + b"Content-Length: 500\r\n\r\n", b"{", b'"a"'), 408),
    ],
)
def test_slow_clients_are_let_go(impatient: Producer, pieces: tuple[bytes, ...], status: int, taken: list[int]) -> None:
    begun = time.monotonic()
    expected = [status] if status else []
    assert statuses(impatient.raw(*pieces, replies=len(expected) + 1)) == expected  # one more than come: it closes
    assert 0.8 * SECONDS < time.monotonic() - begun < PATIENCE, "not at the end of the 75 s of an idle connection"
    taken.append(0)


def test_a_slow_head_after_a_good_request_is_let_go(impatient: Producer) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=60) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /he")
        assert statuses(client.recv(65536)) == [200]
        client.settimeout(0.2)
        closes_on_single_bytes(client, PATIENCE)


def test_a_half_closed_connection_gets_all_its_replies(api: Producer, taken: list[int]) -> None:
    assert statuses(api.raw(post(JSON, RAW), half_close=True, pause=0)) == [202]
    assert statuses(api.raw(post(JSON, RAW) * 3, replies=3, half_close=True, pause=0)) == [202] * 3
    taken.append(4)


def test_a_body_cut_by_half_close_is_refused(api: Producer, taken: list[int]) -> None:
    head = b"POST /order HTTP/1.1\r\n" + JSON + b"Content-Length: 500\r\n\r\n"
    assert statuses(api.raw(head + RAW, half_close=True)) == [400]
    head = b"POST /orders/batch HTTP/1.1\r\n" + NDJSON + b"Content-Length: 500\r\n\r\n"
    reply = api.raw(head + RAW + b"\n" + RAW, half_close=True)
    assert statuses(reply) == [207]
    assert json.loads(reply.partition(b"\r\n\r\n")[2])["accepted"] == 1
    taken.append(1)


def test_pipelined_requests_are_answered_in_turn(api: Producer, taken: list[int]) -> None:
    good, bad = post(JSON, RAW), post(JSON, b"{}")
    reply = api.raw(good + bad + good + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", replies=4)
    assert statuses(reply) == [202, 422, 202, 200]
    taken.append(2)


def test_garbage_behind_a_request_does_not_spoil_it(api: Producer, taken: list[int]) -> None:
    assert statuses(api.raw(post(JSON, RAW) + b"GARBAGE\r\n\r\n", replies=2)) == [202, 400]
    assert statuses(api.raw(post(JSON, RAW), b"GARBAGE\r\n\r\n", replies=2, pause=0.5)) == [202, 400]
    taken.append(2)


MALFORMED = [
    b"GARBAGE\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /health HTTP/1.1\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: a b\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x/y\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost:\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /order HTTP/1.1\r\n" + JSON + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /order HTTP/1.1\r\n" + JSON + b"Content-Length: -1\r\n\r\n",
    b"POST /order HTTP/1.1\r\n" + JSON + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /health HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
]


@pytest.mark.parametrize("request_bytes", MALFORMED)
def test_a_malformed_head_is_a_400_problem(api: Producer, request_bytes: bytes) -> None:
    assert statuses(api.raw(request_bytes)) == [400]


def test_expectations(api: Producer, taken: list[int]) -> None:
    expect = JSON + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(RAW)
    assert statuses(api.raw(b"POST /order HTTP/1.1\r\n" + expect, RAW, replies=2)) == [100, 202]
    refused = expect.replace(b"application/json", b"text/plain")
    assert statuses(api.raw(b"POST /order HTTP/1.1\r\n" + refused)) == [415]
    large = JSON + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"
    assert statuses(api.raw(b"POST /order HTTP/1.1\r\n" + large)) == [413]
    other = expect.replace(b"100-continue", b"tea")
    assert statuses(api.raw(b"POST /order HTTP/1.1\r\n" + other)) == [417]
    taken.append(1)


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
def test_offers_to_upgrade_are_declined(api: Producer, upgrade: bytes, taken: list[int]) -> None:
    headers = JSON + b"Connection: Upgrade\r\nUpgrade: %s\r\n" % upgrade
    assert statuses(api.raw(post(headers, RAW))) == [202]
    taken.append(1)


def test_old_and_proxy_forms_of_requests(api: Producer, taken: list[int]) -> None:
    old = post(JSON, RAW).replace(b"HTTP/1.1", b"HTTP/1.0")
    assert statuses(api.raw(old)) == [202]
    assert statuses(api.raw(post(JSON, RAW, b"http://x/order"))) == [202]
    closing = api.raw(post(JSON + b"Connection: close\r\n", RAW), post(JSON, RAW))
    assert statuses(closing) == [202]
    assert b"Connection: close" in closing
    assert statuses(api.raw(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n")) == [200]
    assert statuses(api.raw(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")) == [404]
    taken.append(3)


def test_a_body_that_is_not_read_is_no_next_request(api: Producer, taken: list[int]) -> None:
    hidden = post(JSON, RAW)
    assert statuses(api.raw(post(b"Host: x\r\nContent-Type: text/plain\r\n", hidden))) == [415]
    assert statuses(api.raw(post(JSON, hidden, b"/nowhere"))) == [404]
    taken.append(0)
