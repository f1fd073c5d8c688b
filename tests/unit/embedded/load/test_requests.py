"""What the load generator sends, and how it reads what comes back."""

import json

import pytest

from orderpipeline_common.order import decode_order
from orderpipeline_embedded.load.orders import SMALLEST, generated
from orderpipeline_embedded.load.replies import Heads, ReplyError, read_head, taken
from orderpipeline_embedded.load.requests import build, pool_size

OK = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\ncontent-length: %d\r\n\r\n%b"


def reply(body: bytes) -> bytes:
    return OK % (len(body), body)


@pytest.mark.parametrize("size", [SMALLEST, 100, 150, 300, 10_240])
def test_generated_orders_have_the_size_and_are_orders(size: int) -> None:
    orders = list(generated(50, 20, size))
    assert {len(order) for order in orders} == {size}
    assert 5 < len({decode_order(order).customer_id for order in orders}) <= 20
    assert orders == list(generated(50, 20, size))


def test_an_order_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match=f"{SMALLEST} or more"):
        list(generated(1, 1, SMALLEST - 1))


@pytest.mark.parametrize("mode", ["single", "batch", "ndjson"])
def test_requests_hold_all_orders(mode: str) -> None:
    orders = list(generated(5, 3, 100))
    requests = build(mode, orders, 2, "localhost:1", ["X-Api-Key: k"])  # type: ignore[arg-type]
    assert [request.orders for request in requests] == ([1] * 5 if mode == "single" else [2, 2, 1])
    found: list[object] = []
    for request in requests:
        head, _, body = request.data.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert b"Host: localhost:1\r\n" in head
        assert head.endswith(b"X-Api-Key: k")
        read = [json.loads(line) for line in body.splitlines()] if mode != "batch" else json.loads(body)
        found += read
    assert found == [json.loads(order) for order in orders]


def test_the_pool_is_various_and_bounded() -> None:
    assert pool_size(100, 1) == 10_000
    assert pool_size(100, 1000) == 20
    assert pool_size(10_240, 5000) == 4


def test_a_reply_is_read_once_it_is_whole() -> None:
    heads, whole = Heads(), reply(b'{"accepted":7}')
    for cut in range(len(whole)):
        assert heads.split(whole[:cut]) is None
    found = heads.split(whole)
    assert found is not None
    assert (found[0].status, found[0].close, found[1]) == (202, False, b'{"accepted":7}')
    with pytest.raises(ReplyError, match="more bytes"):
        heads.split(whole + b"x")


@pytest.mark.parametrize("raw", [b"SSH-2.0", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"])
def test_what_cannot_be_read_is_an_error(raw: bytes) -> None:
    with pytest.raises(ReplyError):
        read_head(raw)


def test_a_connection_that_ends_is_seen() -> None:
    assert read_head(b"HTTP/1.1 503 X\r\nConnection: close\r\nContent-Length: 0").close


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (202, b'{"order_id":"1"}', 10),
        (202, b'{"accepted":10}', 10),
        (202, b'{"status":"accepted"}', 10),
        (207, b'{"accepted":3,"failed":[]}', 3),
        (207, b'{"accepted": 30}', 10),
        (503, b'{"accepted":3}', 0),
        (422, b"", 0),
    ],
)
def test_what_was_taken_is_what_the_reply_says(status: int, body: bytes, expected: int) -> None:
    assert taken(status, body, 10) == expected
