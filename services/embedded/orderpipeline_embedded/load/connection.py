"""One connection of the load generator: a request out, its reply in, never two at once."""

import socket
from typing import Final

from orderpipeline_embedded.load.requests import Request

RECEIVE: Final = 16384
BUFFER: Final = 1024 * 1024
"""Bytes of the socket's sending buffer: a batch goes out in one call."""


class Connection:
    """A socket that never blocks. `request` is what it waits for; None when it is free."""

    __slots__ = ("_got", "_rest", "began", "fd", "receive", "request", "sock", "transmit")

    def __init__(self, address: tuple[str, int], timeout: float) -> None:
        """Connects; OSError when it cannot within `timeout` seconds."""
        self.sock = socket.create_connection(address, timeout)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.fd = self.sock.fileno()
        self.receive, self.transmit = self.sock.recv, self.sock.send
        self.request: Request | None = None
        self.began = 0
        self._got = b""
        self._rest: memoryview | None = None

    def send(self, request: Request, began: int) -> bool:
        """Send what the socket takes; whether that was all. `began` is when it was due, in nanoseconds. OSError."""
        self.request, self.began = request, began
        try:
            sent = self.transmit(request.data)
        except BlockingIOError:
            sent = 0
        if sent == len(request.data):
            return True
        self._rest = memoryview(request.data)[sent:]
        return False

    def send_more(self) -> bool:
        """Send what was left; whether that was all. OSError."""
        while self._rest:
            try:
                self._rest = self._rest[self.transmit(self._rest) :]
            except BlockingIOError:
                return False
        self._rest = None
        return True

    def more(self) -> bytes:
        """What has come of the reply so far. ConnectionError when the other side has closed."""
        try:
            data = self.receive(RECEIVE)
        except BlockingIOError:
            return self._got
        if not data:
            raise ConnectionResetError("closed by the server")
        if self._got:
            data = self._got = self._got + data
        return data

    def keep(self, data: bytes) -> None:
        """Keep the part of a reply until the rest comes."""
        self._got = data

    def done(self) -> None:
        """The reply is complete; the next request may go."""
        self._got, self.request = b"", None

    def close(self) -> None:
        """Close it."""
        self.sock.close()
