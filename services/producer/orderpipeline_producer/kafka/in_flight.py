"""The budget of bytes in flight: orders that were accepted, and that Kafka has neither acknowledged nor failed."""

import asyncio
from collections import deque
from typing import Protocol


class ByteCounter(Protocol):
    """A number of bytes. The accelerator's includes what its fast path accepts."""

    value: int


class PythonByteCounter:
    """A number of bytes, if all orders pass through Python."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class InFlight:
    """Bounds the bytes in flight, and counts what became of all orders. Belongs to the event loop's thread."""

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
        """Whether `size` more bytes fit. If nothing is in flight, any size does."""
        used = self.counter.value
        return not used or used + size <= self.limit

    async def wait_for_capacity(self, size: int) -> None:
        """Wait until `size` more bytes fit. The caller sets the deadline."""
        while not self.has_capacity(size):
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def reserve(self, size: int) -> bool:
        """Count `size` more bytes if they fit; returns whether they did."""
        used = self.counter.value
        if used and used + size > self.limit:
            return False
        self.counter.value = used + size
        return True

    def settle(self, size: int, acked: int, failed: int) -> None:
        """Count `size` bytes fewer and the orders that have completed, and wake the requests that wait."""
        self.counter.value -= size
        self.acked += acked
        self.failed += failed
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
