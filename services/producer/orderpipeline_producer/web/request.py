"""A request as its handler sees it, independent of the HTTP engine, and ways to read its body within bounds."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from orderpipeline_producer.web import problems
from orderpipeline_producer.web.content_encoding import content_encoding, inflate
from orderpipeline_producer.web.timeouts import Timeouts

ENCODED_SLACK = 4096
"""Bytes by which a compressed body may exceed the limit of the uncompressed one: incompressible data grows a little."""
TURN_SECONDS: Final = 1.0
"""How long a body waits before it is read until there is memory for all of it."""
LARGE_PIECE: Final = 16 * 1024
SMALL_SHARE: Final = 100
"""A body of less than the hundredth part of the memory for all is small."""


class ClientGone(Exception):  # noqa: N818  (not an error of ours)
    """The client disconnected before its request was complete, so there is no one to reply to."""


class Fields(Protocol):
    """Header fields; names are case-insensitive."""

    def get(self, key: str, default: str) -> str:
        """The first field of that name."""

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]:
        """All fields of that name."""


class Body(Protocol):
    """A request's body as it arrives."""

    length: int | None
    """Bytes announced by Content-Length; None without one."""

    def refuse_over(self, limit: int) -> None:
        """Let `read` raise Problem 413 as soon as the client announces more than `limit` bytes in chunks."""

    def whole(self) -> bytes | None:
        """The whole body if all of it has arrived, else None."""

    async def read(self) -> bytes:
        """The next bytes, empty at the end. Raises Problem 400 when the framing is malformed, ClientGone."""

    async def proceed(self) -> None:
        """Tell a client that waits for permission (Expect: 100-continue) to send the body."""


@dataclass(slots=True)
class Request:
    """One request. `deadline` is when the reply must have been sent, on the event loop's clock; each part of the body
    that arrives late puts it off."""

    method: str
    path: str
    headers: Fields
    body: Body
    timeouts: Timeouts
    deadline: float


class BodyMemoryBudget:
    """Bounds the bytes that the bodies of all requests together may hold in memory.

    What is announced by those that are being read is only known to come, perhaps never: others wait for it, but not for
    long, and are not refused because of it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._announced = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    def reserve(self, size: int) -> None:
        """Count `size` more bytes. Raises Problem 503 if that is over the limit."""
        if self._used + size > self._limit:
            raise problems.no_body_memory()
        self._used += size

    def release(self, size: int) -> None:
        """Count `size` bytes fewer."""
        self._used -= size
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def announce(self, size: int) -> None:
        """Count `size` more bytes that are to come; fewer if negative."""
        self._announced += size

    async def wait_for_turn(self, size: int, seconds: float) -> None:
        """Wait until `size` more bytes fit beside all that is to come, but for at most so many seconds. What is small
        compared to the limit need not wait."""
        if size * SMALL_SHARE < self._limit:
            return
        try:
            async with asyncio.timeout(seconds):
                while 0 < self._used + self._announced > self._limit - size:
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError:
            pass

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Count `size` bytes while the block runs. Raises Problem 503 if that is over the limit."""
        self.reserve(size)
        try:
            yield
        finally:
            self.release(size)


async def pieces(request: Request) -> AsyncIterator[bytes]:
    """The body's bytes as they arrive. Raises Problem 408 if they arrive too slowly.

    Time in which the handler is busy, or waits for Kafka, does not count against the client.
    """
    clock, timeouts = asyncio.get_running_loop().time, request.timeouts
    received, waited = 0, 0.0
    await request.body.proceed()
    while True:
        begun = clock()
        try:
            async with asyncio.timeout_at(begun + timeouts.body(received) - waited):
                piece = await request.body.read()
        except TimeoutError:
            raise problems.body_too_slow(timeouts.body_rate) from None
        now = clock()
        waited += now - begun
        received += len(piece)
        request.deadline = max(request.deadline, now + timeouts.request)
        if not piece:
            return
        yield piece


async def read_body(request: Request, limit: int, memory: BodyMemoryBudget) -> bytes:
    """The whole body, decompressed: at most `limit` bytes, counted in `memory` while they arrive
    and are decompressed.

    Raises Problem 400, 408, 413, 415 or 503, ClientGone.
    """
    encoding = content_encoding(",".join(request.headers.getall("Content-Encoding", ())))
    encoded_limit = limit + ENCODED_SLACK if encoding else limit
    check_length(request, encoded_limit)
    data = request.body.whole()
    if data is None:
        data = await _receive(request, encoded_limit, memory)
    if len(data) > encoded_limit:
        raise problems.body_too_large(limit)
    return await _inflate(encoding, data, limit, memory) if encoding else data


def check_length(request: Request, limit: int) -> None:
    """Refuse a body by its announced length, before any of it is read. Raises Problem 413."""
    length = request.body.length
    if length is not None and length > limit:
        raise problems.body_too_large(limit)
    request.body.refuse_over(limit)


async def _receive(request: Request, limit: int, memory: BodyMemoryBudget) -> bytes:
    announced = min(request.body.length or 0, limit)
    await memory.wait_for_turn(announced, TURN_SECONDS)
    memory.announce(announced)
    parts: list[bytes | bytearray] = []  # those that are large, each of which is copied only once, at the end ...
    tail = bytearray()  # ... and small ones: an object for each would be many times its size
    size = 0
    try:
        async for piece in pieces(request):
            memory.reserve(len(piece))
            size += len(piece)
            if size > limit:
                raise problems.body_too_large(limit)
            arrived = min(announced, len(piece))
            announced -= arrived
            memory.announce(-arrived)
            if len(piece) < LARGE_PIECE:
                tail += piece
                continue
            if tail:
                parts.append(tail)
                tail = bytearray()
            parts.append(piece)
        return b"".join((*parts, tail))
    finally:
        memory.announce(-announced)
        memory.release(size)


async def _inflate(encoding: str, data: bytes, limit: int, memory: BodyMemoryBudget) -> bytes:
    out = bytearray()
    try:
        for piece in inflate(encoding, data, limit):
            if out:
                await asyncio.sleep(0)  # let other requests in between
            memory.reserve(len(piece))
            out += piece
        return bytes(out)
    finally:
        memory.release(len(out))
