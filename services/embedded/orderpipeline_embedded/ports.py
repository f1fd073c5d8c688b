"""TCP ports of this machine's loopback interface."""

import socket
from collections.abc import Collection
from contextlib import ExitStack
from typing import Final

HOST: Final = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Distinct ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def in_use(port: int) -> bool:
    """Whether something listens on the port, even if it would share it (SO_REUSEPORT)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def first_free_port(start: int, excluded: Collection[int] = ()) -> int:
    """The first port from `start` on that is neither in use nor excluded."""
    return next(port for port in range(start, 65536) if port not in excluded and not in_use(port))
