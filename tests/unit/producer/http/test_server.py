"""The number of connections is bounded; idle ones give way, and replies say when connections close."""

import asyncio

import pytest

from orderpipeline_producer.http import server as module
from orderpipeline_producer.http.connection import Connection
from orderpipeline_producer.http.handler import OnReply
from orderpipeline_producer.http.responses import Responses
from orderpipeline_producer.http.server import HttpServer
from orderpipeline_producer.web.timeouts import Timeouts
from tests.unit.producer.http.fakes import BodyReader, FakeTransport, NoFastPath

GET = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most 8 connections, many are more than 6, and two at a time give way."""
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 8)
    monkeypatch.setattr(module, "MANY_CONNECTIONS", 6)
    monkeypatch.setattr(module, "REPLACED_AT_ONCE", 2)


def server_of(handler: BodyReader, now: list[float]) -> HttpServer:
    server = HttpServer(handler, NoFastPath(), Responses(0), Timeouts(request=60.0))
    server.clock = lambda: now[0]
    return server


def connect(server: HttpServer, now: list[float]) -> tuple[Connection, FakeTransport]:
    now[0] += 1
    connection, transport = Connection(server), FakeTransport()
    connection.connection_made(transport)
    return connection, transport


async def reply_to(connection: Connection, transport: FakeTransport, request: bytes = GET) -> bytes:
    transport.written = b""
    connection.data_received(request)
    async with asyncio.timeout(60):
        while not transport.written:
            await asyncio.sleep(0)
    return transport.written


async def test_an_idle_connection_outlives_the_pool_of_a_proxy() -> None:
    now = [0.0]
    server = server_of(BodyReader(), now)
    connection, transport = connect(server, now)
    await reply_to(connection, transport)
    assert connection.deadline - now[0] == 3900.0


async def test_a_head_has_less_time_to_arrive_than_a_connection_may_be_idle() -> None:
    now = [0.0]
    server = server_of(BodyReader(), now)
    connection, transport = connect(server, now)
    connection.data_received(GET[:5])
    now[0] += 9.9
    connection.data_received(GET[5:9])
    server.sweep()
    assert not transport.closed
    now[0] += 0.2
    server.sweep()
    assert transport.closed, "10 s after the first byte, whatever has arrived since"


async def test_a_further_connection_replaces_those_idle_longest() -> None:
    now = [0.0]
    server = server_of(BodyReader(), now)
    all_of_them = [connect(server, now) for _ in range(8)]
    await reply_to(*all_of_them[0])  # it closes, and its client is told: there are many
    busy, _ = all_of_them[1]
    busy.data_received(b"GET /x HT")
    _, new = connect(server, now)
    assert not new.closed
    assert [at for at, (_, transport) in enumerate(all_of_them) if transport.closed] == [0, 2]


async def test_busy_connections_do_not_give_way() -> None:
    now = [0.0]
    server = server_of(BodyReader(), now)
    for connection, _ in [connect(server, now) for _ in range(8)]:
        connection.data_received(b"GET /x HT")
    _, new = connect(server, now)
    assert new.closed


async def test_replies_close_their_connections_while_there_are_many_and_say_so() -> None:
    now = [0.0]
    server = server_of(BodyReader(), now)
    first = [connect(server, now) for _ in range(6)]
    assert b"Connection: close" not in await reply_to(*first[0])
    many = connect(server, now)
    assert b"Connection: close" in await reply_to(*many)
    assert many[1].closed
    many[0].connection_lost(None)
    assert b"Connection: close" not in await reply_to(*first[0])


class FaultyFastPath(NoFastPath):
    """Accepts every request and fails to give it up."""

    def try_now(self, data: bytes, on_reply: OnReply) -> bytes | None:
        return b""

    def give_up(self, on_reply: OnReply) -> bytes:
        raise RuntimeError("a fault")


async def test_a_connection_whose_deadline_cannot_be_handled_is_closed_and_delays_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    server = server_of(BodyReader(), now)
    server.fast_path = FaultyFastPath()
    faulty = [connect(server, now) for _ in range(3)]
    for connection, _ in faulty:
        connection.data_received(GET)
    idle = [connect(server, now) for _ in range(3)]
    now[0] += 2 * 3900.0
    for _ in range(2):
        server.sweep()
    assert all(transport.closed for _, transport in [*faulty, *idle])
    assert caplog.text.count("RuntimeError: a fault") == 3, "each was met once"
