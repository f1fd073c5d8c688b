"""One client connection: requests in, replies out, in turn; nothing it holds is without a bound or a deadline."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol, cast

from orderpipeline_producer.http.handler import FastPath, Handler
from orderpipeline_producer.http.request_body import IncomingBody
from orderpipeline_producer.http.request_head import END_OF_HEAD, MAX_HEAD, FieldMap, Head, check_begun, parse_head
from orderpipeline_producer.http.responses import CONTINUE, Responses
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem
from orderpipeline_producer.web.request import ClientGone, Request

KEEPALIVE_SECONDS: Final = 75.0
"""How long a connection may be idle between requests."""
WRITE_SECONDS: Final = 30.0
"""How long a client may take to read a reply."""
LINGER_SECONDS: Final = 2.0
"""How long a closed connection still reads, so that the reply is not lost by a reset."""
READ_AHEAD: Final = 64 * 1024
"""Bytes of further requests that are read while one is being answered."""
AT_ONCE_BYTES: Final = 64 * 1024
"""Longest body of a request behind others for which the fast path is asked."""
NEVER: Final = float("inf")
KEEP_ALIVE: Final = Head("POST", "", FieldMap({}), None, False, True, "")
"""Stands for the head of a request that the fast path has accepted, which leaves the connection open."""

_log = logging.getLogger(__name__)


class Server(Protocol):
    """What its connections share. `draining` is whether it is about to stop; `clock` is the event loop's."""

    handler: Handler
    fast_path: FastPath
    responses: Responses
    request_seconds: float
    loop: asyncio.AbstractEventLoop
    clock: Callable[[], float]
    draining: bool

    def admit(self, connection: "Connection") -> bool:
        """A connection was made; whether it may stay."""

    def forget(self, connection: "Connection") -> None:
        """A connection is gone."""


class Connection(asyncio.Protocol):
    """The server's side of one connection. `deadline` is on the loop's clock; past it the server calls `late`."""

    __slots__ = ("_ahead", "_at", "_body", "_closing", "_half_closed", "_head", "_paused", "_pending",
                 "_server", "_task", "_transport", "_writable", "deadline")  # fmt: skip

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._ahead = b""  # bytes behind the request in hand, or the beginning of a head ...
        self._at = 0  # ... from here on, while requests are taken out of them
        self._head: Head | None = None  # of the request in hand
        self._body: IncomingBody | None = None
        self._task: asyncio.Task[None] | None = None
        self._pending = False  # whether the fast path owes the reply to the request in hand
        self._closing = self._half_closed = self._paused = False
        self._writable = True
        self.deadline = NEVER

    @property
    def quiet(self) -> bool:
        """Whether no request is being read or answered."""
        return self._head is None and (self._closing or not self._ahead)

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast(asyncio.Transport, transport)
        self.deadline = self._server.clock() + KEEPALIVE_SECONDS
        if not self._server.admit(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        if self._closing:
            return
        if self._ahead or self._head is not None or not self._writable or not self._try_now(data):
            self._buffer(data)

    def _try_now(self, data: bytes) -> bool:
        """What nearly all segments are: exactly one request for the fast path. Anything else is left alone."""
        if self._server.draining:
            return False
        now = self._server.clock()
        reply = self._server.fast_path.try_now(data, self)
        if reply is None:
            return False
        if reply:
            self.deadline = now + self._patience()
            self._transport.write(reply)
        else:
            self._head = KEEP_ALIVE
            self._pending = True
            self.deadline = now + self._server.request_seconds
        return True

    def _buffer(self, data: bytes) -> None:
        if self._head is None and self._writable:
            if not self._ahead:
                self.deadline = self._server.clock() + self._server.request_seconds
            self._ahead = self._ahead + data if self._ahead else data
            self._advance()
            return
        if self._body is not None and not self._body.ended:
            data = self._body.feed(data)
        if data:
            self._ahead += data
            if len(self._ahead) > READ_AHEAD:
                self._flow(False)

    def eof_received(self) -> bool:
        """The client sends no more; what it has sent in full is still answered."""
        if self._head is None or self._closing:
            return False
        self._half_closed = True
        if self._body is not None:
            self._body.fail(problems.body_cut_short())
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone. An order that Kafka already has been given goes its way."""
        self._closing = True
        self.deadline = NEVER
        self._pending = False
        if self._body is not None:
            self._body.gone()
        self._server.forget(self)

    def pause_writing(self) -> None:
        """The client reads too slowly: no more replies until it has caught up, and that in time."""
        self._writable = False
        self.deadline = self._server.clock() + WRITE_SECONDS

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable = True
        if self._head is None and not self._closing:
            self.deadline = self._server.clock() + KEEPALIVE_SECONDS
            self._advance()
        elif not self._closing:
            self.deadline = NEVER

    # What the server calls.

    def late(self) -> None:
        """The deadline has passed."""
        if self._pending and self._writable:
            self(self._server.fast_path.give_up(self))
        elif self._closing or not self._writable:
            self._transport.abort()
        else:
            self._transport.close()

    def close(self) -> None:
        """Close an idle connection."""
        self._transport.close()

    # Requests, one after the other.

    def _advance(self) -> None:
        """Begin with the requests that are here, until one has to be waited for."""
        try:
            while self._at < len(self._ahead) and self._head is None and self._writable and not self._closing:
                if not self._begin():
                    break
        except Problem as problem:
            self._server.handler.count_malformed()
            self._write(self._server.responses.reply(problem.reply(), with_body=True, close=True), True)
        if self._at:
            self._ahead = self._ahead[self._at :]
            self._at = 0
        if self._head is None and self._writable and not self._closing:
            if self._half_closed:
                self._transport.close()
            else:
                self._flow(True)

    def _begin(self) -> bool:
        """Begin with the next request; false when its head is not all here. Raises Problem 400."""
        data, at = self._ahead, self._at
        if data.startswith(b"\r\n", at):
            at += 2  # RFC 9112 lets one empty line stand before a request
        end = data.find(END_OF_HEAD, at, at + MAX_HEAD)
        if end < 0:
            check_begun(data[at : at + MAX_HEAD + 1])
            return False
        head = parse_head(data[at:end])
        begun, body, length = self._server.clock(), end + len(END_OF_HEAD), head.length or 0
        if 0 < length <= min(len(data) - body, AT_ONCE_BYTES):
            self._at = body + length
            if self._try_now(data[at : self._at]):
                return True
        self._head = head
        self._serve(head, body, begun)
        return True

    def _serve(self, head: Head, at: int, begun: float) -> None:
        """Answer a request whose body begins at this place, by the API's own way."""
        body = self._body = IncomingBody(head, self._flow, self._proceed)
        if head.chunked:
            self._ahead, self._at = body.feed(self._ahead[at:]), 0
        else:
            self._at = min(at + (head.length or 0), len(self._ahead))
            body.feed(self._ahead[at : self._at])
        if self._half_closed:
            body.fail(problems.body_cut_short())
        self.deadline = NEVER  # the request has its own
        request = Request(head.method, head.path, head.fields, body, begun + self._server.request_seconds)
        self._task = self._server.loop.create_task(self._answer(request, head))

    async def _answer(self, request: Request, head: Head) -> None:
        try:
            reply = await self._server.handler.handle(request)
        except ClientGone:
            self._transport.abort()
            return
        except Exception:
            _log.exception("request failed")
            reply = problems.server_failed().reply()
            self._closing = True
        close = self._end(head)
        self._write(self._server.responses.reply(reply, with_body=head.method != "HEAD", close=close), close)
        if not self._closing:
            self._advance()

    def __call__(self, reply: bytes) -> None:
        """The fast path's reply to the request in hand, which it has accepted before."""
        if not self._pending:
            return
        if not self._ahead and not self._half_closed and not self._server.draining:
            self._head, self._pending = None, False
            self.deadline = self._server.clock() + KEEPALIVE_SECONDS
            self._transport.write(reply)
            return
        close = self._end(KEEP_ALIVE)
        self._write(self._server.responses.closing(reply) if close else reply, close)
        self._advance()

    def _end(self, head: Head) -> bool:
        """The request in hand has come to its end. Gives whether the connection closes with its reply."""
        unread = self._body is not None and not self._body.ended
        self._head = self._body = self._task = None
        self._pending = False
        return self._closing or unread or not head.keep_alive or self._server.draining

    def _patience(self) -> float:
        # A next head that has begun has to be complete in time, as any.
        return KEEPALIVE_SECONDS if self._at >= len(self._ahead) else self._server.request_seconds

    def _write(self, data: bytes, close: bool) -> None:
        """Send a reply, the connection's last if it closes."""
        if self._transport.is_closing():
            return
        self.deadline = self._server.clock() + (LINGER_SECONDS if close else self._patience())
        self._transport.write(data)
        if close:
            self._closing = True
            self._ahead, self._at = b"", 0
            self._flow(True)
            if self._half_closed or not self._transport.can_write_eof():
                self._transport.close()  # TLS has no half-open connections
            else:
                self._transport.write_eof()

    def _proceed(self) -> None:
        self._transport.write(CONTINUE)

    def _flow(self, more: bool) -> None:
        if more is self._paused and not self._transport.is_closing():
            self._paused = not more
            if more:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()
