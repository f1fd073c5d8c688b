"""A quota in orders per second and client: a token bucket, which a batch may overdraw once."""

from collections.abc import Callable
from typing import Final

MAX_CLIENTS: Final = 10000
"""Most clients to remember. Beyond that the least recently seen is forgotten, and starts again with a full bucket."""


class Quota:
    """Counts orders per client. A rate of 0 means no limit. A bucket holds the orders of one second, at least one."""

    def __init__(self, orders_per_second: int, clock: Callable[[], float]) -> None:
        self._rate = orders_per_second
        self._clock = clock
        self._full = max(1.0, float(orders_per_second))
        self._buckets: dict[str, tuple[float, float]] = {}

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self._rate > 0

    def wait(self, client: str) -> float:
        """Seconds until the client may send again; 0 if it may now."""
        if not self._rate:
            return 0.0
        tokens = self._tokens(client, self._clock())
        return 0.0 if tokens >= 1 else (1 - tokens) / self._rate

    def charge(self, client: str, orders: int) -> None:
        """Count orders that the client sent. More than it has left puts it into debt."""
        if not self._rate:
            return
        now = self._clock()
        tokens = self._tokens(client, now) - orders
        self._buckets.pop(client, None)
        self._buckets[client] = (tokens, now)
        if len(self._buckets) > MAX_CLIENTS:
            del self._buckets[next(iter(self._buckets))]

    def _tokens(self, client: str, now: float) -> float:
        tokens, then = self._buckets.get(client, (self._full, now))
        return min(self._full, tokens + max(0.0, now - then) * self._rate)
