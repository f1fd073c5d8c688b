"""The HTTP/1.1 server: a TCP port, its connections and their deadlines."""

import asyncio
import heapq
import logging
import ssl
import time
from collections.abc import Callable
from typing import Final

from orderpipeline_common.activities import ProducerActivity
from orderpipeline_common.background import Background, Timer
from orderpipeline_producer.http.connection import Connection
from orderpipeline_producer.http.handler import FastPath, Handler
from orderpipeline_producer.http.responses import Responses
from orderpipeline_producer.web.timeouts import Timeouts

MAX_CONNECTIONS: Final = 8192
"""Most concurrent connections. A further one takes the place of those that have been idle longest, if any are."""
MANY_CONNECTIONS: Final = MAX_CONNECTIONS * 7 // 8
"""Above this number, every reply closes its connection and says so."""
REPLACED_AT_ONCE: Final = 64
"""Idle connections to close when there are too many: to look for them is not worth the time for a single one."""
SWEEP_SECONDS: Final = 0.25
"""How often deadlines are checked: one timer for all connections is cheaper than one per request."""
BACKLOG: Final = 1024
HANDSHAKE_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


class HttpServer:
    """Accepts connections and enforces their deadlines. Belongs to the running event loop."""

    def __init__(self, handler: Handler, fast_path: FastPath, responses: Responses, timeouts: Timeouts) -> None:
        self.handler = handler
        self.fast_path = fast_path
        self.responses = responses
        self.timeouts = timeouts
        self.loop = asyncio.get_running_loop()
        self.clock: Callable[[], float] = self.loop.time
        self.closing = False
        self._draining = False
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._timer: Timer | None = None

    async def start(
        self,
        host: str,
        port: int,
        background: Background,
        *,
        reuse_port: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> int:
        """Listen; returns the port, a free one if `port` is 0. With `reuse_port`, other processes can listen on it too;
        with `tls`, it is HTTPS.
        """
        self._server = await self.loop.create_server(
            lambda: Connection(self),
            host,
            port,
            backlog=BACKLOG,
            reuse_port=reuse_port,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else HANDSHAKE_SECONDS,
        )
        self._timer = Timer(background, ProducerActivity.CONNECTIONS, self.sweep)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self, seconds: float, linger: float = 1.0) -> bool:
        """Stop accepting, answer the requests that have started, close. False if some took longer than `seconds`.

        Open connections get `linger` seconds for a request that may be on its way; the reply to it closes them.
        """
        self._draining = self.closing = True
        end = self.clock() + seconds
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(min(linger, seconds / 4))
        while self._busy() and self.clock() < end:  # noqa: ASYNC110  (polling costs less than an event)
            await asyncio.sleep(0.02)
        finished = not self._busy()
        for connection in list(self._connections):
            connection.close()
        if self._timer is not None:
            self._timer.stop()
        await asyncio.sleep(0)
        return finished

    def admit(self, connection: Connection) -> bool:
        """A connection was made. Returns whether it may stay."""
        if len(self._connections) >= MAX_CONNECTIONS:
            self._close_idle()
        if len(self._connections) >= MAX_CONNECTIONS:
            return False
        self._connections.add(connection)
        self._count()
        return True

    def forget(self, connection: Connection) -> None:
        """A connection was closed."""
        self._connections.discard(connection)
        self._count()

    def _count(self) -> None:
        self.closing = self._draining or len(self._connections) > MANY_CONNECTIONS

    def _close_idle(self) -> None:
        """Close the connections that have been idle longest."""
        idle = (each for each in self._connections if each.quiet)
        for connection in heapq.nsmallest(REPLACED_AT_ONCE, idle, key=lambda each: each.deadline):
            connection.close()
            self.forget(connection)

    def _busy(self) -> bool:
        return any(not connection.quiet for connection in self._connections)

    def sweep(self) -> float:
        """Act on all deadlines that have passed; returns the seconds until it is to be called again."""
        now = self.clock()
        self.responses.tick(time.time())
        for connection in [each for each in self._connections if each.deadline <= now]:
            try:
                connection.on_deadline()
            except Exception:  # those behind it have deadlines too
                _log.exception("the deadline of a connection failed")
                connection.abort()
        return SWEEP_SECONDS
