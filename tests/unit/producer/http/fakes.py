"""A transport and a server for connections under test."""

import asyncio
from collections.abc import Callable
from typing import Any

from orderpipeline_producer.http.connection import Connection
from orderpipeline_producer.http.handler import Handler, OnReply
from orderpipeline_producer.http.responses import Responses
from orderpipeline_producer.web.reply import Reply
from orderpipeline_producer.web.request import Request, pieces
from orderpipeline_producer.web.timeouts import Timeouts


class FakeTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def can_write_eof(self) -> bool:
        return False


class BodyReader:
    """A handler that reads every body to its end, if that is allowed, and replies 200."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def handle(self, request: Request) -> Reply:
        await self.may_read.wait()
        self.bodies.append(b"".join([piece async for piece in pieces(request)]))
        return Reply(200, b"")

    def count_malformed(self) -> None:
        pass


class NoFastPath:
    """Accepts nothing."""

    def try_now(self, data: bytes, on_reply: OnReply) -> bytes | None:
        return None

    def give_up(self, on_reply: OnReply) -> bytes:
        raise AssertionError("nothing is pending")


class FakeServer:
    """Belongs to the running event loop."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.fast_path = NoFastPath()
        self.responses = Responses(0)
        self.timeouts = Timeouts(head=60.0, request=60.0)
        self.loop = asyncio.get_running_loop()
        self.clock: Callable[[], float] = self.loop.time
        self.closing = False

    def admit(self, connection: Connection) -> bool:
        return True

    def forget(self, connection: Connection) -> None:
        pass


def connect(handler: Handler) -> tuple[Connection, FakeTransport]:
    """A connection that a client has just made."""
    connection, transport = Connection(FakeServer(handler)), FakeTransport()
    connection.connection_made(transport)
    return connection, transport
