"""Orders to the bytes of HTTP requests, made before the run, so that sending one costs nothing but the sending."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal

Mode = Literal["single", "batch", "ndjson"]
MODES: Final[tuple[Mode, ...]] = ("single", "batch", "ndjson")
PATHS: Final = {"single": "/order", "batch": "/orders/batch", "ndjson": "/orders/batch"}
TYPES: Final = {"single": "application/json", "batch": "application/json", "ndjson": "application/x-ndjson"}
POOL_BYTES: Final = 2 * 1024 * 1024
POOL: Final = 4, 10_000
"""Fewest and most requests that are made beforehand and sent in turn."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it goes over the wire, and how many orders are in it."""

    data: bytes
    orders: int


def pool_size(size: int, batch: int) -> int:
    """How many requests to make of `batch` orders of `size` bytes: various enough, and not too much memory."""
    least, most = POOL
    return max(least, min(most, POOL_BYTES // (size * batch)))


def build(mode: Mode, orders: Iterable[bytes], batch: int, host: str, headers: Sequence[str] = ()) -> list[Request]:
    """Requests with all orders, `batch` in each but the last, or one in `single` mode. `headers` are whole lines."""
    rest, size = iter(orders), 1 if mode == "single" else batch
    groups = iter(lambda: list(islice(rest, size)), [])
    return [_request(mode, _body(mode, group), len(group), host, headers) for group in groups]


def _body(mode: Mode, group: Sequence[bytes]) -> bytes:
    if mode == "single":
        return group[0]
    return b"[" + b",".join(group) + b"]" if mode == "batch" else b"\n".join(group) + b"\n"


def _request(mode: Mode, body: bytes, orders: int, host: str, headers: Sequence[str]) -> Request:
    lines = (
        f"POST {PATHS[mode]} HTTP/1.1",
        f"Host: {host}",
        f"Content-Type: {TYPES[mode]}",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return Request("\r\n".join(lines).encode() + b"\r\n\r\n" + body, orders)
