"""A proxy before a real broker that offers other versions of Kafka's requests, as gateways and event hubs do."""

import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

PRODUCE: Final = 0
METADATA: Final = 3
API_VERSIONS: Final = 18
INIT_PRODUCER_ID: Final = 22
UNSUPPORTED_VERSION: Final = 35
OFFERED: Final = {
    PRODUCE: (0, 12),
    1: (0, 17),
    2: (0, 8),
    METADATA: (0, 12),
    API_VERSIONS: (0, 0),
    INIT_PRODUCER_ID: (0, 4),
}
"""By request, the first and the last version that are offered unless a test says otherwise."""

Offered = Mapping[int, tuple[int, int]]


class VersionProxy:
    """All connections to the broker lead through it: it puts its own port into the brokers' addresses.

    Without an upstream, it answers the question for versions only, and closes the connection then.
    """

    def __init__(self, upstream: str = "") -> None:
        """`upstream` is the broker's host:port, of which the host is 127.0.0.1."""
        self._upstream = upstream
        self._offered: dict[int, tuple[int, int]] = dict(OFFERED)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.bootstrap = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def offer(self, **versions: tuple[int, int]) -> None:
        """Offer these versions of PRODUCE, METADATA and INIT_PRODUCER_ID from the next question on."""
        self._offered |= {globals()[name]: span for name, span in versions.items()}

    def reset(self) -> None:
        """Close all connections."""
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Accept no connections any more, and close those there are."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()
        self._thread.join(30)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, EOFError):
            self._open.add(client)
            if not self._upstream:
                self._requests(client, None)
                return
            host, port = self._upstream.split(":")
            with socket.create_connection((host, int(port))) as broker:
                self._open.add(broker)
                threading.Thread(target=self._answers, args=(broker, client), daemon=True).start()
                self._requests(client, broker)
                self._open.discard(broker)
        self._open.discard(client)

    def _requests(self, client: socket.socket, broker: socket.socket | None) -> None:
        while True:
            request = _frame(client)
            key, version = struct.unpack(">hh", request[:4])
            if key == API_VERSIONS:
                client.sendall(_framed(request[4:8] + self._versions(version)))
            elif broker is None:
                return
            else:
                low, high = self._offered.get(key, (0, -1))
                assert low <= version <= high, f"version {version} of request {key} was not offered"
                broker.sendall(_framed(request))

    def _answers(self, broker: socket.socket, client: socket.socket) -> None:
        """Nobody is to get around us."""
        theirs, ours = (
            b"127.0.0.1" + struct.pack(">i", int(address.split(":")[1])) for address in (self._upstream, self.bootstrap)
        )
        with suppress(OSError, EOFError):
            while True:
                client.sendall(_framed(_frame(broker).replace(theirs, ours)))
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _versions(self, asked: int) -> bytes:
        rows = b"".join(struct.pack(">hhh", key, *span) for key, span in sorted(self._offered.items()))
        error = UNSUPPORTED_VERSION if asked else 0
        return struct.pack(">hi", error, len(self._offered)) + rows


@contextmanager
def version_proxy(upstream: str = "", **offered: tuple[int, int]) -> Iterator[VersionProxy]:
    """A proxy that offers these versions."""
    proxy = VersionProxy(upstream)
    proxy.offer(**offered)
    try:
        yield proxy
    finally:
        proxy.close()


def _frame(stream: socket.socket) -> bytes:
    (length,) = struct.unpack(">i", _exactly(stream, 4))
    return _exactly(stream, length)


def _exactly(stream: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        piece = stream.recv(count - len(found))
        if not piece:
            raise EOFError
        found += piece
    return bytes(found)


def _framed(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body
