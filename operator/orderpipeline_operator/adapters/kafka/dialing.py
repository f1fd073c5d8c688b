"""A TCP connection by a deadline that includes looking up the name and trying all its addresses. Blocking."""

import socket
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

Address = tuple[str, int]
Lookup = Callable[[str, int], list[tuple[int, str, int]]]
"""Host and port to address family, address and port of each."""


def left(until: float) -> float:
    """Seconds until then, by the monotonic clock. Raises TimeoutError when there are none."""
    seconds = until - time.monotonic()
    if seconds <= 0.0:
        raise TimeoutError("timed out")
    return seconds


def look_up(host: str, port: int) -> list[tuple[int, str, int]]:
    """By the system's resolver, which knows no deadline. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(address[0]), int(address[1])) for family, _, _, _, address in found]


def connected(address: Address, until: float, lookup: Lookup = look_up) -> socket.socket:
    """A connection to the first of its addresses that answers; each has a share of the time. Raises OSError."""
    found = _by(until, address, lookup)
    failure: OSError = OSError("the name has no address")
    for number, (family, host, port) in enumerate(found):
        seconds = left(until) / (len(found) - number)
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.settimeout(seconds)
            made.connect((host, port))
        except OSError as error:
            made.close()
            failure = error
        else:
            return made
    raise failure


def _by(until: float, address: Address, lookup: Lookup) -> list[tuple[int, str, int]]:
    """What the lookup finds by then; it goes on in its own thread otherwise, for as long as the resolver waits."""
    answers: SimpleQueue[list[tuple[int, str, int]] | OSError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(lookup(*address))
        except (OSError, UnicodeError) as error:  # UnicodeError: no name at all, such as a label that is too long
            answers.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=ask, name=f"lookup {address[0]}", daemon=True).start()
    try:
        answer = answers.get(timeout=left(until))
    except Empty:
        raise TimeoutError("the name was not looked up in time") from None
    if isinstance(answer, OSError):
        raise answer
    return answer
