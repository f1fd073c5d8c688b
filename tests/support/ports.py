"""Free ports of loopback, such that tests that run side by side never get the same one."""

import itertools
import os
import socket
from collections.abc import Iterator

FIRST = 20_000
"""Below the kernel's range for outgoing connections, which could take a port before its server does."""
EACH = 4_000
"""Ports for each process of a run; a run has two or three."""


def _candidates() -> Iterator[int]:
    """Every port of this process's share, over and over; begins somewhere, for the sake of another run beside it."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw2").removeprefix("gw")) % 3
    start = os.getpid() * 37 % EACH
    for number in itertools.count(start):
        yield FIRST + worker * EACH + number % EACH


_ports = _candidates()


def free_ports(count: int) -> list[int]:
    """Distinct TCP ports of 127.0.0.1 that nobody listens on; a port comes again after thousands of others only."""
    return [next(port for port in _ports if _is_free(port)) for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
