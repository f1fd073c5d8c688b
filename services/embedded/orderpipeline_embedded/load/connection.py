"""One connection of the load generator: one request at a time, then its reply."""

import socket
from typing import Final

from orderpipeline_embedded.load.requests import Request

RECEIVE: Final = 16384
BUFFER: Final = 1024 * 1024
"""Bytes of the socket's send buffer, so that a batch goes out in one call."""


class Connection:
    """A socket that never blocks. `request` is the one in flight; None when the connection is free."""

    __slots__ = ("_received", "_rest", "began", "fd", "receive", "request", "sock", "transmit")

    def __init__(self, address: tuple[str, int], timeout: float) -> None:
        """Connect; OSError if that fails or takes more than `timeout` seconds."""
        self.sock = socket.create_connection(address, timeout)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.fd = self.sock.fileno()
        self.receive, self.transmit = self.sock.recv, self.sock.send
        self.request: Request | None = None
        self.began = 0
        self._received = b""
        self._rest: memoryview | None = None

    def send(self, request: Request, began: int) -> bool:
        """Send what the socket accepts; whether that was all. `began` is when it was due, in nanoseconds. OSError."""
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
        """Send the rest; whether that was all. OSError."""
        while self._rest:
            try:
                self._rest = self._rest[self.transmit(self._rest) :]
            except BlockingIOError:
                return False
        self._rest = None
        return True

    def receive_more(self) -> bytes:
        """The reply received so far. ConnectionError if the other side has closed."""
        try:
            data = self.receive(RECEIVE)
        except BlockingIOError:
            return self._received
        if not data:
            raise ConnectionResetError("closed by the server")
        if self._received:
            data = self._received = self._received + data
        return data

    def keep_partial(self, data: bytes) -> None:
        """Keep a part of a reply until the rest arrives."""
        self._received = data

    def finish(self) -> None:
        """The reply is complete; the connection is free."""
        self._received, self.request = b"", None

    def close(self) -> None:
        """Close it."""
        self.sock.close()
