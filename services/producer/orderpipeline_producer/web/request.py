"""A request as the order API sees it, whatever HTTP engine brought it, and its body read within bounds."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from orderpipeline_producer.web import problems
from orderpipeline_producer.web.content_encoding import content_encoding, inflate

ENCODED_SLACK = 4096
"""Bytes that a packed body may have more than the limit of the unpacked one: what can't be packed grows a little."""


class ClientGone(Exception):  # noqa: N818  (not an error of ours)
    """The client went away before its request was complete; nobody is there to reply to."""


class Fields(Protocol):
    """Header fields; names are matched without regard to case."""

    def get(self, key: str, default: str) -> str:
        """The first field of that name."""

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]:
        """All fields of that name."""


class Body(Protocol):
    """A request's body as it comes in."""

    length: int | None
    """Bytes announced by Content-Length; None when they are not."""

    def whole(self) -> bytes | None:
        """All of it, when all of it is here already."""

    async def read(self) -> bytes:
        """The next bytes, empty at the end. Raises Problem 400 when the framing is malformed, ClientGone."""

    async def proceed(self) -> None:
        """Tell a client that waits for it (Expect: 100-continue) to send the body."""


@dataclass(slots=True)
class Request:
    """One request. `deadline` is on the event loop's clock: when the reply must be out."""

    method: str
    path: str
    headers: Fields
    body: Body
    deadline: float


class BodyMemoryBudget:
    """Bytes of bodies that are held in memory by all requests together, bounded."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0

    def reserve(self, size: int) -> None:
        """Count `size` more bytes. Raises Problem 503 when there is no room."""
        if self._used + size > self._limit:
            raise problems.no_body_memory()
        self._used += size

    def release(self, size: int) -> None:
        """Count `size` bytes less."""
        self._used -= size

    @contextmanager
    def holding(self, size: int) -> Iterator[None]:
        """Count `size` bytes for as long as they are worked on. Raises Problem 503 when there is no room."""
        self.reserve(size)
        try:
            yield
        finally:
            self.release(size)


async def pieces(request: Request) -> AsyncIterator[bytes]:
    """The body's bytes as they come. Raises Problem 408 past the deadline."""
    await request.body.proceed()
    while True:
        try:
            async with asyncio.timeout_at(request.deadline):
                piece = await request.body.read()
        except TimeoutError:
            raise problems.body_too_slow() from None
        if not piece:
            return
        yield piece


async def read_body(request: Request, limit: int, memory: BodyMemoryBudget) -> bytes:
    """The whole body, unpacked: at most `limit` bytes, counted in `memory` while they come.

    Raises Problem 400, 408, 413, 415 or 503, ClientGone.
    """
    encoding = content_encoding(",".join(request.headers.getall("Content-Encoding", ())))
    most = limit + ENCODED_SLACK if encoding else limit
    check_length(request, most)
    data = request.body.whole()
    if data is None:
        data = await _gather(request, most, memory)
    if len(data) > most:
        raise problems.body_too_large(limit)
    return inflate(encoding, data, limit) if encoding else data


def check_length(request: Request, limit: int) -> None:
    """Refuse by what Content-Length announces, before anything is read. Raises Problem 413."""
    length = request.body.length
    if length is not None and length > limit:
        raise problems.body_too_large(limit)


async def _gather(request: Request, most: int, memory: BodyMemoryBudget) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async for piece in pieces(request):
            memory.reserve(len(piece))
            size += len(piece)
            parts.append(piece)
            if size > most:
                raise problems.body_too_large(most)
        return b"".join(parts)
    finally:
        memory.release(size)
