"""One client connection: requests in, replies out, in turn; nothing it holds is without a bound or a deadline."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final, cast

from orderpipeline_producer.fast_path import Seat
from orderpipeline_producer.http.request_body import IncomingBody
from orderpipeline_producer.http.request_head import MAX_HEAD, FieldMap, Head, check_begun, parse_head
from orderpipeline_producer.http.responses import CONTINUE
from orderpipeline_producer.singles import Single
from orderpipeline_producer.web.reply import Problem, Reply
from orderpipeline_producer.web.request import ClientGone, Request

if TYPE_CHECKING:
    from orderpipeline_producer.http.server import HttpServer

KEEPALIVE_SECONDS: Final = 75.0
"""How long a connection may be idle between requests."""
WRITE_SECONDS: Final = 30.0
"""How long a client may take to read a reply."""
LINGER_SECONDS: Final = 2.0
"""How long a closed connection still reads, so that the reply is not lost by a reset."""
READ_AHEAD: Final = 64 * 1024
"""Bytes of further requests that are read while one is being answered."""
END_OF_HEAD: Final = b"\r\n\r\n"
NEVER: Final = float("inf")
PLAIN_HEAD: Final = Head("POST", "/order", FieldMap({}), None, False, True, "", 0)
"""Stands for the head of an order that was taken at the desk, which knows it without reading it."""

_log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """The server's side of one connection. `deadline` is on the loop's clock; past it the server calls `late`."""

    __slots__ = ("_ahead", "_at", "_body", "_closing", "_half_closed", "_head", "_paused", "_seat", "_server",
                 "_single", "_task", "_transport", "_writable", "deadline")  # fmt: skip

    def __init__(self, server: "HttpServer") -> None:
        self._server = server
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._ahead = b""  # bytes behind the request in hand, or the beginning of a head ...
        self._at = 0  # ... from here on, while requests are taken out of them
        self._head: Head | None = None  # of the request in hand
        self._body: IncomingBody | None = None
        self._task: asyncio.Task[None] | None = None
        self._single: Single | Seat | None = None
        self._seat = None if server.desk is None else server.desk.seat(self._on_single)
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
        if self._ahead or self._head is not None or not self._writable or not self._shortcut(data):
            self._take_in(data)

    def _shortcut(self, data: bytes) -> bool:
        """What nearly all segments are: exactly one plain order. Whatever else it may be has the long way."""
        if self._server.draining:
            return False
        head, begun = PLAIN_HEAD, self._server.clock()
        outcome: bytes | Single | Seat | None = None if self._seat is None else self._seat.take(data)
        if outcome is None:
            end = data.find(END_OF_HEAD, 0, MAX_HEAD)
            if end < 0:
                return False
            try:
                head = parse_head(data[:end])
            except Problem:
                return False
            if not head.order_length or end + 4 + head.order_length != len(data):
                return False
            if self._seat is not None:
                self._seat.remember(data[:end], head.order_length)
            outcome = self._server.singles.take(head, data[end + 4 :], begun, self._on_single)
        if outcome is None:
            return False
        if type(outcome) is bytes:
            self.deadline = begun + KEEPALIVE_SECONDS
            self._transport.write(outcome)
        else:
            self._head = head
            self._single = cast(Single | Seat, outcome)
            self.deadline = begun + self._server.request_seconds
        return True

    def _take_in(self, data: bytes) -> None:
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
            self._body.fail(Problem(400, "the body is cut short; nothing more of it was taken"))
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone. An order that Kafka already has been given goes its way."""
        self._closing = True
        self.deadline = NEVER
        if self._single is not None:
            self._single.on_reply = None
        if self._seat is not None:
            self._seat.on_reply = None  # it holds this connection
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
        if self._single is not None and self._writable:
            self._finish(self._single.late())
            self._advance()
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
            self._server.count_malformed()
            self._close_after(self._server.wire.reply(problem.reply(), with_body=True, close=True), True)
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
        at = end + 4
        begun = self._server.clock()
        length = head.order_length
        if 0 < length <= len(data) - at:
            outcome = self._server.singles.take(head, data[at : at + length], begun, self._on_single)
            if outcome is not None:
                self._at = at + length
                self._head = head
                if type(outcome) is bytes:
                    self._finish(outcome)
                else:
                    self._single = cast(Single, outcome)
                    self.deadline = begun + self._server.request_seconds
                return True
        self._head = head
        self._serve(head, at, begun)
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
            body.fail(Problem(400, "the body is cut short; nothing more of it was taken"))
        self.deadline = NEVER  # the request has its own
        request = Request(head.method, head.path, head.fields, body, begun + self._server.request_seconds)
        self._task = self._server.loop.create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        try:
            reply = await self._server.api.handle(request)
        except ClientGone:
            self._transport.abort()
            return
        except Exception:
            _log.exception("request failed")
            reply = Problem(500, "the server failed; the order may have been taken: send it again, same id").reply()
            self._closing = True
        self._finish(reply)
        if not self._closing:
            self._advance()

    def _on_single(self, single: "Single | Seat", reply: "bytes | Reply") -> None:
        if single is not self._single:
            return
        if type(reply) is bytes and not self._ahead and not self._half_closed and not self._server.draining:
            self._head = self._single = None
            self.deadline = self._server.clock() + KEEPALIVE_SECONDS
            self._transport.write(reply)
            return
        self._finish(reply)
        self._advance()

    def _finish(self, reply: "bytes | Reply") -> None:
        """Send the reply to the request in hand, which ends it. Bytes are a reply that leaves the connection open."""
        head, body = self._head, self._body
        self._head = self._body = self._task = self._single = None
        if head is None or self._transport.is_closing():
            return
        unread = body is not None and not body.ended
        close = self._closing or unread or not head.keep_alive or self._server.draining
        if close or self._half_closed or type(reply) is not bytes:
            if type(reply) is bytes:
                self._close_after(self._server.wire.closing(reply) if close else reply, close)
                return
            data = self._server.wire.reply(cast(Reply, reply), with_body=head.method != "HEAD", close=close)
            self._close_after(data, close)
            return
        self.deadline = self._server.clock() + self._patience()
        self._transport.write(reply)

    def _patience(self) -> float:
        # A next head that has begun has to be complete in time, as any.
        return KEEPALIVE_SECONDS if self._at >= len(self._ahead) else self._server.request_seconds

    def _close_after(self, data: bytes, close: bool) -> None:
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
