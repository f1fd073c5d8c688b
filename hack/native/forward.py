"""Forwards connections from the host's 127.0.0.1 into the cluster's network namespace: the ingress and the API server.

A socket belongs to the namespace in which it was created. So the process first listens on the host and then moves into
the cluster's namespace, where it connects. The host's firewall rules and interfaces stay untouched.
"""

import asyncio
import ctypes
import os
import resource
import signal
import socket
import sys
from functools import partial

from .config import API_PORT, HTTP_PORT, HTTPS_PORT, NETNS, NODE_IP

FORWARDS = {HTTP_PORT: (NODE_IP, HTTP_PORT), HTTPS_PORT: (NODE_IP, HTTPS_PORT), API_PORT: (NODE_IP, API_PORT)}
CLONE_NEWNET = 0x40000000


class Pipe(asyncio.Protocol):
    """One direction: writes what it reads to `peer`, and stops reading while the peer's buffer is full."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: Pipe | None = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        if self.peer is None or self.peer.transport is None or self.peer.ended:
            return False  # both directions are done: close, and the peer with it
        self.peer.transport.write_eof()
        return True  # half-closed: the reply may still come

    def connection_lost(self, error: Exception | None) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.close()

    def pause_writing(self) -> None:
        if self.peer and self.peer.transport:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer and self.peer.transport and not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()


class Inbound(Pipe):
    """A client's connection: reads nothing until the one into the namespace is established."""

    def __init__(self, target: tuple[str, int], pending: set["asyncio.Task[None]"]) -> None:
        super().__init__()
        self.target = target
        self.pending = pending

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport
        self.transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self._connect())
        self.pending.add(task)
        task.add_done_callback(self.pending.discard)

    async def _connect(self) -> None:
        assert self.transport
        try:
            _, outbound = await asyncio.get_running_loop().create_connection(Pipe, *self.target)
        except OSError:
            self.transport.abort()
            return
        outbound.peer, self.peer = self, outbound
        if self.transport.is_closing():
            assert outbound.transport
            outbound.transport.close()
        else:
            self.transport.resume_reading()


def listen(port: int) -> socket.socket:
    """A listening socket on the host's loopback. OSError if the port is in use."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock


def enter(netns: str) -> None:
    """Move this process into a named network namespace; existing sockets stay where they are."""
    descriptor = os.open(f"/run/netns/{netns}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET):
            code = ctypes.get_errno()
            raise OSError(code, f"setns {netns}: {os.strerror(code)}")
    finally:
        os.close(descriptor)


async def serve(sockets: dict[socket.socket, tuple[str, int]]) -> None:
    """Forward until SIGTERM."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    pending: set[asyncio.Task[None]] = set()
    servers = [
        await loop.create_server(partial(Inbound, target, pending), sock=sock, backlog=1024)
        for sock, target in sockets.items()
    ]
    try:
        await ended.wait()
    finally:
        for server in servers:
            server.close()


def main() -> int:
    """Listen on the host, enter the namespace, serve."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65536)), hard))
    try:
        sockets = {listen(port): target for port, target in FORWARDS.items()}
    except OSError as error:
        sys.stderr.write(
            f"a port of 127.0.0.1 ({', '.join(map(str, FORWARDS))}) is in use by another program: {error}\n"
        )
        return 1
    enter(NETNS)
    asyncio.run(serve(sockets))
    return 0


if __name__ == "__main__":
    sys.exit(main())
