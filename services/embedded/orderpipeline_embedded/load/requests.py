"""Turns orders into the bytes of HTTP requests before the run, so that a run only has to send them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

Mode = Literal["single", "batch", "ndjson"]
PATHS: Final = {"single": "/order", "batch": "/orders/batch", "ndjson": "/orders/batch"}
TYPES: Final = {"single": "application/json", "batch": "application/json", "ndjson": "application/x-ndjson"}
POOL_BYTES: Final = 2 * 1024 * 1024
POOL: Final = 4, 10_000
"""The fewest and the most requests that are prepared and then sent in turn."""


@dataclass(frozen=True, slots=True)
class Request:
    """The bytes of one request, and the number of orders in it."""

    data: bytes
    orders: int


def pool_size(size: int, batch: int) -> int:
    """How many requests of `batch` orders of `size` bytes to prepare: varied enough, without using much memory."""
    least, most = POOL
    return max(least, min(most, POOL_BYTES // (size * batch)))


def build(mode: Mode, orders: Iterable[bytes], batch: int, host: str, headers: Sequence[str] = ()) -> list[Request]:
    """Requests with all orders, `batch` per request (one in mode `single`). `headers` are whole lines; a Host among
    them replaces `host`."""
    rest, size = iter(orders), 1 if mode == "single" else batch
    groups = iter(lambda: list(islice(rest, size)), [])
    return [_request(mode, _body(mode, group), len(group), host, headers) for group in groups]


def _body(mode: Mode, group: Sequence[bytes]) -> bytes:
    if mode == "single":
        return group[0]
    return b"[" + b",".join(group) + b"]" if mode == "batch" else b"\n".join(group) + b"\n"


def _request(mode: Mode, body: bytes, orders: int, host: str, headers: Sequence[str]) -> Request:
    named = any(line.partition(":")[0].strip().lower() == "host" for line in headers)
    lines = (
        f"POST {PATHS[mode]} HTTP/1.1",
        *(() if named else (f"Host: {host}",)),
        f"Content-Type: {TYPES[mode]}",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return Request("\r\n".join(lines).encode() + b"\r\n\r\n" + body, orders)
