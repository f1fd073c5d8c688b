"""A new Kafka client in place of one that has failed for good.

After a fatal error (the broker lost the tail of its log and with it the sequence numbers, for example), librdkafka's
client sends nothing any more. A new one has a new producer id, for which the broker expects no sequence number.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

PAUSE_SECONDS: Final = 5.0
"""Least time between two clients: the cause of the error may still be there."""


def release(clients: list[Any], loop: asyncio.AbstractEventLoop) -> None:
    """Destroy clients off the event loop, since librdkafka waits for its threads. The list, which is empty afterwards,
    must have the only reference to each."""
    if clients:
        loop.run_in_executor(None, clients.clear)


class Report(Protocol):
    """Called with each error of the client."""

    def __call__(self, code: str, text: str, *, fatal: bool | None = None) -> None:
        """`code` is the name of Kafka's error. `fatal` is true if the client can't send any more, false once a new one
        can, and None for any other error."""


class Successor:
    """Opens the successor of a client that has failed. `open_client` may raise; it is called again after a pause."""

    def __init__(self, open_client: Callable[[], None], report: Report, loop: asyncio.AbstractEventLoop) -> None:
        self._open_client = open_client
        self._report = report
        self._loop = loop
        self._earliest = loop.time() + PAUSE_SECONDS
        self._timer: asyncio.TimerHandle | None = None

    def needed(self, code: str, text: str) -> None:
        """The client has failed with this error: it can't send any more."""
        if self._timer is None:
            self._report(code, text, fatal=True)
            self._timer = self._loop.call_at(max(self._loop.time(), self._earliest), self._open)

    def cancel(self) -> None:
        """Open no client any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _open(self) -> None:
        self._timer = None
        self._earliest = self._loop.time() + PAUSE_SECONDS
        try:
            self._open_client()
        except Exception as error:  # whatever it is: without a client, nothing can be sent
            self.needed(type(error).__name__, f"no new client can be made: {error}")
        else:
            self._report("_FATAL", "a new Kafka client with a new producer id has taken over", fatal=False)
