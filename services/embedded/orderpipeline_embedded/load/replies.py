"""Reads the replies of an order API. Pure."""

import re
from dataclasses import dataclass
from typing import Final

END: Final = b"\r\n\r\n"
MAX_HEAD: Final = 65536
KEPT_HEADS: Final = 1000
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)[ \t]*(?:\r\n|\Z)")
_CLOSE: Final = re.compile(rb"(?i)\r\nconnection:[ \t]*close")
_ACCEPTED: Final = re.compile(rb'"accepted"\s*:\s*(\d+)')


class ReplyError(ValueError):
    """Bytes that are not a reply this module can read."""


@dataclass(frozen=True, slots=True)
class Head:
    """What matters in a reply's head: the status, the bytes of the body, whether the connection closes after it."""

    status: int
    length: int
    close: bool


class Heads:
    """A cache of parsed heads. A server repeats its heads except for the date, so a lookup is cheaper than parsing."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def split(self, data: bytes) -> tuple[Head, bytes] | None:
        """Head and body of the single reply in `data`; None while it is incomplete. ReplyError."""
        raw, end, body = data.partition(END)
        if not end:
            if len(data) > MAX_HEAD:
                raise ReplyError(f"a head of more than {MAX_HEAD} bytes")
            return None
        head = self._known.get(raw)
        if head is None:
            if len(self._known) >= KEPT_HEADS:
                self._known.clear()
            head = self._known[raw] = read_head(raw)
        if len(body) < head.length:
            return None
        if len(body) > head.length:
            raise ReplyError("more bytes than its Content-Length says")
        return head, body


def read_head(raw: bytes) -> Head:
    """Parse the head of a reply, without the empty line that ends it. ReplyError."""
    status, length = _STATUS.match(raw), _LENGTH.search(raw)
    if status is None:
        raise ReplyError(f"not an HTTP reply: {raw[:60]!r}")
    if length is None and status[1] != b"204":
        raise ReplyError("a reply without Content-Length, which is not supported")
    return Head(int(status[1]), int(length[1]) if length else 0, _CLOSE.search(raw) is not None)


def accepted_orders(status: int, body: bytes, orders: int) -> int:
    """How many of a request's `orders` were accepted, by the reply: its count, else all if it is a 2xx."""
    if not 200 <= status < 300:
        return 0
    counted = _ACCEPTED.search(body)
    return min(int(counted[1]), orders) if counted else orders
