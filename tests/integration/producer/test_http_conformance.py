"""The table of HTTP/1.1 cases, and what a table can't say: deadlines, half-closed connections, clients that lag."""

import json
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from orderpipeline_producer.web.timeouts import Timeouts
from tests.integration.producer.http_cases import CASES, CHUNK, GET, GOOD, J, chunks, get, sized
from tests.integration.producer.http_server import Served, closes_on_single_bytes, served, statuses

GARBAGE = b"GARBAGE\r\n\r\n"


@pytest.fixture(scope="module", params=[False, True], ids=["python", "accelerated"])
def api(request: pytest.FixtureRequest) -> Iterator[Served]:
    """If it is accelerated, it already knows the head of a good order."""
    with served(accelerated=request.param) as server:
        assert server.in_turn((GOOD, 1), (GOOD, 1)) == [202, 202]
        assert [each.accepted for each in server.fast_paths] == [1] * request.param
        yield server


@pytest.fixture(scope="module")
def impatient() -> Iterator[Served]:
    """A head has to arrive within a second, a body soon after, and Kafka has to answer within a second."""
    with served(Timeouts(head=1.0, request=1.0)) as server:
        yield server


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of thousands of connections are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("name", CASES)
def test_case(api: Served, name: str) -> None:
    pieces, expected, orders = CASES[name]
    before = api.accepted()
    reply = api.talk(*pieces, replies=len(expected))
    assert statuses(reply) == expected
    assert api.accepted() - before == orders
    assert reply.count(b"problem+json") == sum(status >= 400 for status in expected)


def test_the_server_says_when_it_closes(api: Served) -> None:
    assert b"Connection: close" in api.talk(GOOD.replace(b"1.1", b"1.0"), replies=1)
    assert b"Connection: close" in api.talk(b"GARBAGE\r\n\r\n", replies=1)
    assert b"Connection: close" not in api.talk(GOOD + GET, replies=2)


def test_every_reply_has_a_date_and_its_length(api: Served) -> None:
    for request in (GOOD, GET, get(b"GET /docs HTTP/1.1"), get(b"GET /metrics HTTP/1.1"), sized(J, b"{}")):
        head, _, body = api.talk(request, replies=1).partition(b"\r\n\r\n")
        assert b"\r\nDate: " in head
        assert b"\r\nContent-Length: %d" % len(body) in head


def test_head_has_the_fields_of_get_and_no_body(api: Served) -> None:
    with_body = api.talk(get(b"GET /openapi.json HTTP/1.1"), replies=1)
    without = api.talk(get(b"HEAD /openapi.json HTTP/1.1"), replies=1)
    assert without.endswith(b"\r\n\r\n")
    length = json.dumps(len(with_body.partition(b"\r\n\r\n")[2])).encode()
    assert b"Content-Length: " + length in without


@pytest.mark.parametrize("sent", [b"", b"GET /hea", GOOD + b"POST /or"])
def test_half_close_between_requests_closes(api: Served, sent: bytes) -> None:
    expected = [202] * sent.startswith(GOOD)
    assert statuses(api.talk(sent, replies=len(expected) + 1, half_close=True)) == expected, "and then it closes"


def test_half_close_behind_requests_gets_all_replies(api: Served) -> None:
    assert statuses(api.talk(GOOD * 3 + GET, replies=4, half_close=True)) == [202, 202, 202, 200]
    assert statuses(api.talk(GOOD[:-5], replies=1, half_close=True)) == [400]
    assert statuses(api.talk(*chunks(CHUNK), replies=1, half_close=True)) == [400]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(b"GET /health HT", []), (GOOD[:-9], [408]), (chunks(CHUNK)[0], [408]), (GOOD + b"POST", [202])],
)
def test_slow_clients_are_let_go(impatient: Served, sent: bytes, expected: list[int]) -> None:
    begun = time.monotonic()
    reply = impatient.talk(sent, replies=len(expected) + 1)  # one more than come: it closes
    assert statuses(reply) == expected
    assert 0.8 < time.monotonic() - begun < 60, "not at the end of the hour that a connection may be idle"


def test_one_byte_now_and_then_does_not_put_the_deadline_off(impatient: Served) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=0.1) as client:
        closes_on_single_bytes(client, 60)


def test_thousands_of_slow_clients_are_let_go_and_others_are_served_meanwhile(
    impatient: Served, many_files: None
) -> None:
    unfinished = (b"POST /order HT", GOOD[:-9], chunks(CHUNK)[0])
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", impatient.port))) for _ in range(2000)]
        for number, client in enumerate(slow):
            client.sendall(unfinished[number % len(unfinished)])
        assert statuses(impatient.talk(GOOD + GET, replies=2)) == [202, 200]
        replies: dict[int, int] = {}
        for client in slow:
            client.settimeout(60.0)
            reply = b"".join(iter(partial(client.recv, 4096), b""))  # until it is closed
            for status in statuses(reply) or [0]:
                replies[status] = replies.get(status, 0) + 1
    assert replies == {0: 667, 408: 1333}


def test_a_client_that_does_not_read_is_not_read_from(api: Served) -> None:
    page = get(b"GET /docs HTTP/1.1")
    with socket.create_connection(("127.0.0.1", api.port)) as client:
        client.settimeout(1.0)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += client.send(page * 1000)
        except TimeoutError:
            pass
        assert sent < 50_000_000
        client.settimeout(60.0)
        received = len(client.recv(1 << 20))
        assert received
        assert statuses(api.talk(GET, replies=1)) == [200], "others are served meanwhile"


def test_a_reset_in_the_middle_harms_nobody(api: Served) -> None:
    for cut in (GOOD[:30], GOOD[:-5], GOOD + GOOD[:9], chunks(CHUNK)[0]):
        with socket.create_connection(("127.0.0.1", api.port)) as client:
            client.sendall(cut)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert statuses(api.talk(GET, replies=1)) == [200]


def test_an_order_that_kafka_does_not_answer_is_ambiguous_at_the_deadline(impatient: Served) -> None:
    impatient.kafka.hold = True
    try:
        begun = time.monotonic()
        reply = impatient.talk(GOOD + GET, replies=2)
        assert statuses(reply) == [503, 200]
        assert b"may already be in the log" in reply
        assert time.monotonic() - begun > 0.8
    finally:
        impatient.kafka.hold = False


def test_orders_one_after_the_other_and_behind_each_other_take_the_fast_path() -> None:
    with served(accelerated=True) as server:
        sent = (*[(GOOD, 1)] * 4, (GOOD * 2, 2), (GOOD, 1), (GET, 1), (GOOD, 1))
        assert server.in_turn(*sent) == [202] * 7 + [200, 202]
        assert (server.fast_paths[0].accepted, server.accepted()) == (7, 8)


@pytest.mark.parametrize("accelerated", [False, True])
def test_what_comes_while_an_order_waits_is_answered_after_it(accelerated: bool) -> None:
    with served(accelerated=accelerated) as server:
        assert statuses(server.talk(GOOD, replies=1)) == [202]
        server.kafka.hold = True
        threading.Timer(0.3, setattr, (server.kafka, "hold", False)).start()
        assert statuses(server.talk(GOOD, GET + GOOD, GARBAGE, replies=4)) == [202, 200, 202, 400]


@pytest.mark.parametrize("accelerated", [False, True])
def test_a_client_that_is_gone_before_its_reply_harms_nobody(accelerated: bool) -> None:
    with served(accelerated=accelerated) as server:
        assert statuses(server.talk(GOOD, replies=1)) == [202]
        server.kafka.hold = True
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(GOOD)
            server.settle()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.settle()
        server.kafka.hold = False
        assert statuses(server.talk(GOOD, replies=1)) == [202]
        assert server.accepted() == 3


def test_accepted_orders_on_the_fast_path_are_answered_at_once() -> None:
    with served(wait=False, accelerated=True) as server:
        server.kafka.hold = True
        assert server.in_turn(*[(GOOD, 1)] * 3) == [202] * 3
        assert server.fast_paths[0].accepted == 2
        server.kafka.hold = False


def test_accepted_orders_are_answered_in_one_go() -> None:
    with served(wait=False) as server:
        server.kafka.hold = True
        reply = server.talk(GOOD * 200 + sized(J, b"{}") + GOOD, replies=202)
        assert statuses(reply) == [202] * 200 + [422, 202]
        assert server.accepted() == 201
        server.kafka.hold = False
