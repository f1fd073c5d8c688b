"""A quota in orders per second and client: a token bucket, which a batch may overdraw once."""

from collections.abc import Callable
from typing import Final, Protocol

MAX_CLIENTS: Final = 10000
"""Most clients to remember. Beyond that the one that sent least recently is forgotten, and starts again with a full
bucket."""


class TokenBucket(Protocol):
    """The orders that one client may send now. The accelerator's is also charged for what its fast path accepts."""

    def wait(self) -> float:
        """Seconds until the client may send again; 0 if it may now."""

    def charge(self, orders: int) -> None:
        """Count orders that the client sent. More than it has left puts it into debt."""


class PythonTokenBucket:
    """Holds the orders of one second, at least one. `clock` returns monotonic seconds."""

    def __init__(self, orders_per_second: int, clock: Callable[[], float]) -> None:
        self._rate = orders_per_second
        self._clock = clock
        self._tokens = self._full = max(1.0, float(orders_per_second))
        self._at = clock()

    def wait(self) -> float:
        """Implements `TokenBucket`."""
        return max(0.0, (1 - self._refilled()) / self._rate)

    def charge(self, orders: int) -> None:
        """Implements `TokenBucket`."""
        self._tokens = self._refilled() - orders

    def _refilled(self) -> float:
        now = self._clock()
        self._tokens = min(self._full, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
        return self._tokens


class Quota:
    """A bucket per client. A rate of 0 means no limit."""

    def __init__(self, orders_per_second: int, new_bucket: Callable[[int], TokenBucket]) -> None:
        self._rate = orders_per_second
        self._new_bucket = new_bucket
        self._buckets: dict[str, TokenBucket] = {}
        self.on_forget: Callable[[], None] = lambda: None
        """Called after a client was forgotten, whose bucket must not be used any longer."""

    def bucket(self, client: str) -> TokenBucket | None:
        """The client's bucket; None if there is no limit."""
        if not self._rate:
            return None
        found = self._buckets.pop(client, None) or self._new_bucket(self._rate)
        self._buckets[client] = found
        if len(self._buckets) > MAX_CLIENTS:
            del self._buckets[next(iter(self._buckets))]
            self.on_forget()
        return found

    def wait(self, client: str) -> float:
        """Seconds until the client may send again; 0 if it may now."""
        bucket = self.bucket(client)
        return 0.0 if bucket is None else bucket.wait()

    def charge(self, client: str, orders: int) -> None:
        """Count orders that the client sent. More than it has left puts it into debt."""
        bucket = self.bucket(client)
        if bucket is not None:
            bucket.charge(orders)
