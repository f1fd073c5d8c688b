"""aiohttp's connection, with the deadlines, the clean ends and the problem replies that it lacks."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from orderpipeline_producer.replies import Problem

SERVER: Final = "orderpipeline"
MAX_CONNECTIONS: Final = 8192
"""Connections at a time; further ones are closed at once."""
KEEPALIVE_SECONDS: Final = 75.0
"""How long a connection may be idle between requests."""
WRITE_SECONDS: Final = 30.0
"""How long a client may take to read a reply."""

_log = logging.getLogger(__name__)


class Connection(RequestHandler):
    """One client connection.

    Added to aiohttp's: a request's head must be complete within a deadline; a framing error in a body reaches the
    handler that waits for it, where aiohttp would let it wait for ever; a client that closes its sending half still
    gets its reply; errors of the parser are answered as problems; a client that won't read its reply is dropped.
    """

    def __init__(self, manager: web.Server, head_seconds: float, **options: Any) -> None:
        super().__init__(manager, **options)
        self._head_seconds = head_seconds
        self._head_timer: asyncio.TimerHandle | None = None
        self._half_closed = False

    def data_received(self, data: bytes) -> None:
        """Parse what came in."""
        known = len(self._messages)
        super().data_received(data)
        if self._idle():
            if data and self._head_timer is None:
                self._head_timer = self._loop.call_later(self._head_seconds, self._head_late)
        elif self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if len(self._messages) > known and not hasattr(self._messages[-1][0], "method"):
            self._fail_body(RequestPayloadError("the body's framing is malformed"))

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more; what it has sent in full is still answered."""
        if self._idle():
            return False
        self._fail_body(RequestPayloadError("the body is cut short"))
        self._half_closed = True
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    async def finish_response(self, request: web.BaseRequest, resp: Any, start_time: float | None) -> Any:
        """Send the reply, within a deadline."""
        if self._half_closed and not self._messages:
            resp.force_close()
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self.force_close()
            return resp, True

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The reply to a request that could not be parsed or whose handler failed."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("request failed", exc_info=exc)
            reply = Problem(500, "the server failed; the order may have been taken: send it again, same id").reply()
        else:
            reply = Problem(
                400, f"not an HTTP request: {(message or 'malformed').splitlines()[0][:200].rstrip(': ')}"
            ).reply()
        headers = {"Content-Type": reply.content_type, "Server": SERVER}
        response = web.Response(status=reply.status, body=reply.body, headers=headers)
        response.force_close()
        return response

    @property
    def quiet(self) -> bool:
        """Whether no request is being read or answered."""
        return self._idle() and self._head_timer is None

    def _idle(self) -> bool:
        # A request that has been taken from the queue shows nowhere but in that nobody waits for the next.
        waiting = not self._request_count or (self._waiter is not None and not self._waiter.done())
        return waiting and not self._messages

    def _head_late(self) -> None:
        self._head_timer = None
        if self._idle():
            self.force_close()

    def _fail_body(self, error: Exception) -> None:
        request = self._current_request
        if request is not None and not request._payload.is_eof():
            request._payload.set_exception(error)
            request._payload.feed_eof()  # or aiohttp would wait for the rest after the reply


class ConnectionServer(web.Server):
    """Makes our connections; sees to it that there are not too many."""

    def __init__(self, handler: Any, head_seconds: float) -> None:
        super().__init__(
            handler,
            keepalive_timeout=KEEPALIVE_SECONDS,
            access_log=None,
            auto_decompress=False,
            lingering_time=2.0,
            logger=_log,
        )
        self._head_seconds = head_seconds

    def __call__(self) -> RequestHandler:
        """A connection's protocol."""
        return Connection(self, self._head_seconds, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """A client has connected."""
        super().connection_made(handler, transport)
        if len(self._connections) > MAX_CONNECTIONS:
            transport.abort()

    def busy(self) -> list[Connection]:
        """Connections with a request that is not answered yet."""
        return [each for each in self.connections if isinstance(each, Connection) and not each.quiet]

    def close_quiet(self) -> None:
        """Close the connections that wait for a next request."""
        for each in self.connections:
            if isinstance(each, Connection) and each.quiet:
                each.close()
