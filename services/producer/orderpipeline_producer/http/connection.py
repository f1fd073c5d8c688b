"""One client connection: requests in, replies out, in order. Everything has a bound and a deadline."""

import asyncio
import logging
from typing import Final, cast

from orderpipeline_producer.http.request_body import IncomingBody
from orderpipeline_producer.http.request_head import END_OF_HEAD, MAX_HEAD, FieldMap, Head, check_partial, parse_head
from orderpipeline_producer.http.responses import CONTINUE
from orderpipeline_producer.http.shared import Server
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem
from orderpipeline_producer.web.request import ClientGone, Request

WRITE_SECONDS: Final = 30.0
"""How long a client may take to read a reply."""
LINGER_SECONDS: Final = 2.0
"""How long to read on after closing, so that a reset does not lose the reply."""
READ_AHEAD: Final = 64 * 1024
"""Bytes of further requests to buffer while one is being answered."""
AT_ONCE_BYTES: Final = 64 * 1024
"""Longest buffered body that is offered to the fast path."""
NEVER: Final = float("inf")
KEEP_ALIVE: Final = Head("POST", "", FieldMap({}), None, False, True, "")
"""Stands for the head of a request that the fast path accepted: it leaves the connection open."""

_log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """The server's side of one connection. `deadline` is on the loop's clock; when it has passed, the server calls
    `on_deadline`."""

    __slots__ = ("_ahead", "_at", "_body", "_closing", "_half_closed", "_head", "_paused", "_pending",
                 "_searched", "_server", "_task", "_transport", "_writable", "deadline")  # fmt: skip

    def __init__(self, server: Server["Connection"]) -> None:
        self._server = server
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._ahead = b""  # received after the current request, or the start of a head ...
        self._at = 0  # ... from this position, or what is left of the current request's body
        self._searched = 0  # up to here there is no end of a head
        self._head: Head | None = None  # of the current request
        self._body: IncomingBody | None = None
        self._task: asyncio.Task[None] | None = None
        self._pending = False  # whether the fast path will reply to the current request
        self._closing = self._half_closed = self._paused = False
        self._writable = True
        self.deadline = NEVER

    @property
    def quiet(self) -> bool:
        """Whether no request is being received or answered."""
        return self._head is None and (self._closing or not self._ahead)

    # Called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast(asyncio.Transport, transport)
        self.deadline = self._server.clock() + self._server.timeouts.idle
        if not self._server.admit(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes were received."""
        if self._closing:
            return
        if self._ahead or self._head is not None or not self._writable or not self._try_now(data):
            self._buffer(data)

    def _try_now(self, data: bytes) -> bool:
        """Offer the bytes of a request to the fast path; whether it has accepted them."""
        server = self._server
        if server.closing:
            return False
        now = server.clock()
        reply = server.fast_path.try_now(data, self)
        if reply is None:
            return False
        if reply:
            self.deadline = now + self._idle_or_head_seconds()
            self._transport.write(reply)
        else:
            self._head = KEEP_ALIVE
            self._pending = True
            self.deadline = now + server.timeouts.request
        return True

    def _buffer(self, data: bytes) -> None:
        if self._head is None and self._writable:
            if not self._ahead:
                self.deadline = self._server.clock() + self._server.timeouts.head
            self._ahead = self._ahead + data if self._ahead else data
            self._advance()
            return
        waiting = bool(self._ahead)
        self._ahead += data
        if self._body is not None and not self._body.ended and not waiting:
            self._read_body()
        self._flow()

    def eof_received(self) -> bool:
        """The client sends no more. Complete requests are still answered."""
        if self._head is None or self._closing:
            return False
        self._half_closed = True
        if self._body is not None and not self._ahead:
            self._body.fail(problems.body_cut_short())
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed. What was handed over in its requests is still processed."""
        self._closing = True
        self.deadline = NEVER
        self._pending = False
        if self._body is not None:
            self._body.gone()
        self._server.forget(self)

    def pause_writing(self) -> None:
        """The client reads too slowly: send no more replies until it has caught up, which has a deadline."""
        self._writable = False
        self.deadline = self._server.clock() + WRITE_SECONDS

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable = True
        if self._head is None and not self._closing:
            self.deadline = self._server.clock() + self._server.timeouts.idle
            self._advance()
        elif not self._closing:
            self.deadline = NEVER

    # Called by the server.

    def on_deadline(self) -> None:
        """The deadline has passed."""
        if self._pending and self._writable:
            self(self._server.fast_path.give_up(self))
        elif self._closing or not self._writable:
            self._transport.abort()
        else:
            self._transport.close()

    def close(self) -> None:
        """Close an idle connection, without a word since there is no request to reply to."""
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once, whatever its state."""
        self.deadline = NEVER
        self._transport.abort()

    # Requests, one at a time.

    def _advance(self) -> None:
        """Start the buffered requests until one of them has to wait."""
        try:
            while self._at < len(self._ahead) and self._head is None and self._writable and not self._closing:
                if not self._start_next():
                    break
        except Problem as problem:
            self._server.handler.count_malformed()
            self._write(self._server.responses.reply(problem.reply(), with_body=True, close=True), True)
        self._drop_done()
        if self._head is None and self._writable and not self._closing and self._half_closed:
            self._transport.close()
        else:
            self._flow()

    def _start_next(self) -> bool:
        """Start the next request; false if its head is not complete. Raises Problem 400."""
        data, at = self._ahead, self._at
        if data.startswith(b"\r\n", at):
            at += 2  # RFC 9112 allows an empty line before a request
        end = data.find(END_OF_HEAD, max(at, self._searched - len(END_OF_HEAD) + 1), at + MAX_HEAD)
        if end < 0:
            check_partial(data, at, max(at, self._searched - 1))
            self._searched = len(data)
            return False
        self._searched = 0
        head = parse_head(data[at:end])
        started, body, length = self._server.clock(), end + len(END_OF_HEAD), head.length or 0
        if 0 < length <= min(len(data) - body, AT_ONCE_BYTES):
            self._at = body + length
            if self._try_now(data[at : self._at]):
                return True
        self._head = head
        self._serve(head, body, started)
        return True

    def _serve(self, head: Head, at: int, started: float) -> None:
        """Have the handler answer a request, whose body starts at this position."""
        self._body = body = IncomingBody(head, self._flow, self._proceed)
        self._at = at
        self._read_body()
        self.deadline = NEVER  # the request has a deadline of its own
        timeouts = self._server.timeouts
        request = Request(head.method, head.path, head.fields, body, timeouts, started + timeouts.request)
        self._task = self._server.loop.create_task(self._answer(request, head))

    def _read_body(self) -> None:
        """Hand what has arrived to the current body: what would take long in further turns of the event loop."""
        body = self._body
        if body is None or body.ended:
            return
        self._at = body.feed(self._ahead, self._at)
        if self._at < len(self._ahead) and not body.ended:
            self._server.loop.call_soon(self._read_body)
        elif self._half_closed:
            body.fail(problems.body_cut_short())
        self._drop_done()
        self._flow()

    def _drop_done(self) -> None:
        """Drop what is done with. Only if it is much of the buffer, so that each byte is copied a few times at most."""
        if 2 * self._at < len(self._ahead):
            return
        self._ahead = self._ahead[self._at :]
        self._searched = max(0, self._searched - self._at)
        self._at = 0

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
        """The fast path's reply to the current request, which it has accepted."""
        if not self._pending:
            return
        if not self._ahead and not self._half_closed and not self._server.closing:
            self._head, self._pending = None, False
            self.deadline = self._server.clock() + self._server.timeouts.idle
            self._transport.write(reply)
            return
        close = self._end(KEEP_ALIVE)
        self._write(self._server.responses.closing(reply) if close else reply, close)
        self._advance()

    def _end(self, head: Head) -> bool:
        """The current request is finished. Returns whether its reply closes the connection."""
        unread = self._body is not None and not self._body.ended
        self._head = self._body = self._task = None
        self._pending = False
        return self._closing or unread or not head.keep_alive or self._server.closing

    def _idle_or_head_seconds(self) -> float:
        # If the next head has started to arrive, it has a deadline like any other.
        timeouts = self._server.timeouts
        return timeouts.idle if self._at >= len(self._ahead) else timeouts.head

    def _write(self, data: bytes, close: bool) -> None:
        """Send a reply, and close the connection if asked to."""
        if self._transport.is_closing():
            return
        self.deadline = self._server.clock() + (LINGER_SECONDS if close else self._idle_or_head_seconds())
        self._transport.write(data)
        if close:
            self._closing = True
            self._ahead, self._at = b"", 0
            self._flow()
            if self._half_closed or not self._transport.can_write_eof():
                self._transport.close()  # TLS has no half-open connections
            else:
                self._transport.write_eof()

    def _proceed(self) -> None:
        self._transport.write(CONTINUE)

    def _flow(self) -> None:
        """Read from the connection, or pause while much is buffered."""
        waiting, body = len(self._ahead) - self._at, self._body
        unread = body is not None and (body.full or (waiting > 0 and not body.ended))
        pause = not self._closing and (unread or waiting > READ_AHEAD)
        if pause is not self._paused and not self._transport.is_closing():
            self._paused = pause
            if pause:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()
