"""The one budget of bytes in flight: what was accepted and Kafka has neither acknowledged nor failed."""

import asyncio
from collections import deque
from typing import Protocol


class ByteCounter(Protocol):
    """Holds a number of bytes. The accelerator has its own, in which what it accepts by itself counts too."""

    value: int


class PythonByteCounter:
    """Holds a number of bytes where all orders pass through Python."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class InFlight:
    """Bytes in flight within a limit, and what became of all orders so far. Belongs to one event loop's thread."""

    def __init__(self, limit: int, counter: ByteCounter) -> None:
        self.limit = limit
        self.counter = counter
        self.accepted = 0
        """Orders handed to the Kafka client."""
        self.acked = 0
        """Orders that Kafka acknowledged."""
        self.failed = 0
        """Orders that Kafka did not acknowledge."""
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def bytes(self) -> int:
        """Bytes in flight."""
        return self.counter.value

    def has_capacity(self, size: int) -> bool:
        """Whether `size` more bytes may be accepted; anything may when nothing is in flight."""
        used = self.counter.value
        return not used or used + size <= self.limit

    async def wait_for_capacity(self, size: int) -> None:
        """Wait until `size` more bytes may be accepted. The caller sets the deadline."""
        while not self.has_capacity(size):
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def reserve(self, size: int) -> bool:
        """Count `size` more bytes if there is capacity for them; whether there was."""
        used = self.counter.value
        if used and used + size > self.limit:
            return False
        self.counter.value = used + size
        return True

    def settle(self, size: int, acked: int, failed: int) -> None:
        """So many bytes are in flight no more, since these orders have ended. Requests that wait go on."""
        self.counter.value -= size
        self.acked += acked
        self.failed += failed
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
