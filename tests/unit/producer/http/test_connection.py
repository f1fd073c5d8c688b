"""Connections: a bounded amount of work in each turn of the event loop, and in proportion to what was received."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_producer.http import request_head
from orderpipeline_producer.http.chunked import MAX_STEPS
from orderpipeline_producer.http.request_head import MAX_HEAD
from tests.support.counted_bytes import CountedBytes, Work, count_patterns
from tests.unit.producer.http.fakes import BodyReader, connect

POST = b"POST /x HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"


async def settle(handler: BodyReader, requests: int) -> None:
    async with asyncio.timeout(60):
        while len(handler.bodies) < requests:
            await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_many_small_chunks_leave_the_event_loop_to_others() -> None:
    handler = BodyReader()
    connection, transport = connect(handler)
    count = 20 * MAX_STEPS
    connection.data_received(CHUNKED + b"1\r\nx\r\n" * count + b"0\r\n\r\n" + GET)
    assert not transport.reading, "no more is received while there is so much to decode"
    turns = 0
    while not handler.bodies:
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 20
    await settle(handler, 2)
    assert handler.bodies == [b"x" * count, b""]
    assert transport.reading
    assert transport.written.count(b"HTTP/1.1 200 OK") == 2


async def test_the_end_of_the_connection_counts_once_everything_is_decoded() -> None:
    handler = BodyReader()
    connection, transport = connect(handler)
    connection.data_received(CHUNKED + b"1\r\nx\r\n" * (3 * MAX_STEPS) + b"0\r\n\r\n")
    assert connection.eof_received()
    await settle(handler, 1)
    assert handler.bodies == [b"x" * 3 * MAX_STEPS]
    assert b"200 OK" in transport.written
    cut, other = connect(handler)
    cut.data_received(CHUNKED + b"1\r\nx\r\n" * (3 * MAX_STEPS))
    assert cut.eof_received()
    async with asyncio.timeout(60):
        while not other.written:
            await asyncio.sleep(0)
    assert len(handler.bodies) == 1


async def test_no_more_is_read_while_the_handler_lags() -> None:
    handler = BodyReader()
    handler.may_read.clear()
    connection, transport = connect(handler)
    connection.data_received(POST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 500_000)
    assert not transport.reading
    handler.may_read.set()
    async with asyncio.timeout(60):
        while not transport.reading:
            await asyncio.sleep(0)
    connection.data_received(b"x" * 500_000)
    await settle(handler, 1)
    assert handler.bodies == [b"x" * 1_000_000]


@pytest.mark.parametrize("segment", [1, 3, 100])
async def test_a_head_is_searched_once(segment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work()
    count_patterns(monkeypatch, request_head, work)
    connection, transport = connect(BodyReader())
    sent = 0
    while not transport.written:
        piece = (b"GET /x HTTP/1.1\r\n" + b"X: y\r\n" * MAX_HEAD)[sent : sent + segment]
        connection.data_received(CountedBytes.of(piece, work))
        sent += segment
    assert b"400 Bad Request" in transport.written
    assert MAX_HEAD < sent <= MAX_HEAD + segment
    assert work.read <= 10 * sent, "each byte a few times, not with every segment again"


async def test_pipelined_requests_are_not_copied_with_every_reply() -> None:
    handler = BodyReader()
    connection, transport = connect(handler)
    work = Work()
    count = 2000
    connection.data_received(CountedBytes.of(GET * count, work))
    await settle(handler, count)
    assert transport.written.count(b"200 OK") == count
    assert work.copied <= 5 * count * len(GET)


REQUESTS = {
    GET: b"",
    CHUNKED + b"3\r\nabc\r\n0\r\n\r\n": b"abc",
    POST + b"Content-Length: 5\r\n\r\nhello": b"hello",
}


@given(st.lists(st.sampled_from(sorted(REQUESTS))), st.data())
def test_requests_are_the_same_however_they_are_cut(requests: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(requests)
    ends = sorted({*data.draw(st.lists(st.integers(0, len(raw)), max_size=20)), len(raw)})

    async def run() -> list[bytes]:
        handler = BodyReader()
        connection, transport = connect(handler)
        start = 0
        for end in ends:
            connection.data_received(raw[start:end])
            start = end
            await asyncio.sleep(0)
        await settle(handler, len(requests))
        assert transport.written.count(b"200 OK") == len(requests)
        return handler.bodies

    assert asyncio.run(run()) == [REQUESTS[each] for each in requests]
