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
NO_LIMIT: Final = 1 << 62


class IncomingBody:
    """Implements `web.request.Body`. `flow` is called when it is no longer `full`."""

    __slots__ = (
        "_chunks",
        "_error",
        "_expect",
        "_flow",
        "_left",
        "_limit",
        "_parts",
        "_send_continue",
        "_size",
        "_waiter",
        "ended",
        "length",
    )  # fmt: skip

    def __init__(self, head: Head, flow: Callable[[], None], send_continue: Callable[[], None]) -> None:
        self.length = head.length if head.length is not None or head.chunked else 0
        self.ended = self.length == 0
        """Whether all of it has arrived and is well-formed."""
        self._chunks = ChunkDecoder() if head.chunked else None
        self._left = self.length or 0
        self._limit = NO_LIMIT
        self._expect = head.expect
        self._flow = flow
        self._send_continue = send_continue
        self._parts: list[bytes] = []
        self._size = 0
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def full(self) -> bool:
        """Whether so much is buffered that no more should be read from the connection."""
        return self._size > BUFFERED and not self.ended

    def feed(self, data: bytes, at: int) -> int:
        """Add received bytes from a position on. Returns the position that was reached: the end of the data or of the
        body, or else what should wait for the next turn of the event loop.
        """
        if self._error is not None:
            return len(data)
        if self._chunks is None:
            end = min(len(data), at + self._left)
            self._left -= end - at
            self.ended = not self._left
            self._append(data[at:end])
            return end
        try:
            piece, at = self._chunks.decode(data, at)
        except Problem as problem:
            self.fail(problem)
            return len(data)
        self.ended = self._chunks.done
        self._append(piece)
        self.refuse_over(self._limit)
        return at

    def refuse_over(self, limit: int) -> None:
        """Fail with Problem 413 as soon as chunks of more than `limit` bytes are announced."""
        self._limit = limit
        if self._chunks is not None and self._chunks.announced > limit:
            self.fail(problems.body_too_large(limit))

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

    def _append(self, piece: bytes) -> None:
        if piece:
            self._parts.append(piece)
            self._size += len(piece)
        if piece or self.ended:
            self._wake()

    def _pop(self) -> bytes:
        parts, self._parts = self._parts, []
        self._size = 0
        self._flow()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
