"""Replies as the bytes of HTTP/1.1."""

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from orderpipeline_producer.web.reply import Reply

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class Responses:
    """Renders replies. Call `tick` about once a second, for the Date header."""

    def __init__(self, now: float) -> None:
        self._on_date: list[Callable[[], None]] = []
        self._second = -1
        self._common = b""
        self._accepted = b""
        self.tick(now)

    def tick(self, now: float) -> None:
        """Set the time, in Unix seconds."""
        if int(now) != self._second:
            self._second = int(now)
            self._common = f"\r\nServer: orderpipeline\r\nDate: {formatdate(now, usegmt=True)}\r\n".encode()
            self._accepted = (
                b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json" + self._common + b"Content-Length: "
            )
            for changed in self._on_date:
                changed()

    def on_date(self, changed: Callable[[], None]) -> None:
        """Call this now and whenever the Date header changes."""
        self._on_date.append(changed)
        changed()

    @property
    def accepted_prefix(self) -> bytes:
        """The start of what `accepted` returns, up to the value of Content-Length."""
        return self._accepted

    def accepted(self, body: bytes) -> bytes:
        """A reply of status 202 with this JSON, on a connection that stays open."""
        return b"%b%d\r\n\r\n%b" % (self._accepted, len(body), body)

    def closing(self, reply: bytes) -> bytes:
        """The same reply, for a connection that closes after it."""
        return reply.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)

    def reply(self, reply: Reply, *, with_body: bool, close: bool) -> bytes:
        """Any reply. Without the body, for HEAD, it has the same header fields as with it."""
        more = "".join(f"{name}: {value}\r\n" for name, value in reply.headers)
        if close:
            more += "Connection: close\r\n"
        begin = f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, '')}\r\nContent-Type: {reply.content_type}"
        head = begin.encode("latin-1") + self._common + more.encode("latin-1", "replace")
        return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(reply.body), reply.body if with_body else b"")
