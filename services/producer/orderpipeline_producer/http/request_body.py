"""The body of a request while it arrives: fed by the connection, read by the request's handler."""

import asyncio
from collections.abc import Callable
from typing import Final

from orderpipeline_producer.http.chunked import ChunkDecoder
from orderpipeline_producer.http.request_head import Head
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem
from orderpipeline_producer.web.request import ClientGone

BUFFERED: Final = 256 * 1024
"""Bytes to buffer ahead of the handler before reading from the connection is paused."""


class IncomingBody:
    """Implements `web.request.Body`. `flow(False)` pauses reading from the connection, `flow(True)` resumes it."""

    __slots__ = (
        "_chunks",
        "_error",
        "_expect",
        "_flow",
        "_left",
        "_parts",
        "_send_continue",
        "_size",
        "_waiter",
        "ended",
        "length",
    )  # fmt: skip

    def __init__(self, head: Head, flow: Callable[[bool], None], send_continue: Callable[[], None]) -> None:
        self.length = head.length if head.length is not None or head.chunked else 0
        self.ended = self.length == 0
        """Whether all of it has arrived and is well-formed."""
        self._chunks = ChunkDecoder() if head.chunked else None
        self._left = self.length or 0
        self._expect = head.expect
        self._flow = flow
        self._send_continue = send_continue
        self._parts: list[bytes] = []
        self._size = 0
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, data: bytes) -> bytes:
        """Add received bytes; returns those after the end of the body."""
        if self._error is not None:
            return b""
        if self._chunks is None:
            rest = data[self._left :]
            piece = data[: self._left] if rest else data
            self._left -= len(piece)
            self.ended = not self._left
            self._append([piece] if piece else [])
            return rest
        try:
            self._append(self._chunks.feed(data))
        except Problem as problem:
            self.fail(problem)
            return b""
        if self._chunks.done:
            self.ended = True
            self._wake()
        return self._chunks.rest

    def fail(self, error: Exception) -> None:
        """No more will arrive, for this reason. What has arrived can still be read."""
        if not self.ended and self._error is None:
            self._error = error
            self._wake()

    def whole(self) -> bytes | None:
        """The whole body if all of it has arrived, else None."""
        return self._pop() if self.ended else None

    async def read(self) -> bytes:
        """The next bytes, empty at the end."""
        while not self._parts:
            if self.ended:
                return b""
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._pop()

    async def proceed(self) -> None:
        """Answer Expect: 100-continue, unless the body is already arriving."""
        if not self._expect:
            return
        if self._expect != "100-continue":
            raise problems.unknown_expectation()
        self._expect = ""
        if not self._parts and not self.ended and self._error is None:
            self._send_continue()

    def gone(self) -> None:
        """The client has disconnected."""
        self.fail(ClientGone())

    def _append(self, pieces: list[bytes]) -> None:
        self._parts += pieces
        self._size += sum(map(len, pieces))
        if self._size > BUFFERED and not self.ended:
            self._flow(False)
        if pieces:
            self._wake()

    def _pop(self) -> bytes:
        parts, self._parts = self._parts, []
        if self._size > BUFFERED:
            self._flow(True)
        self._size = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
