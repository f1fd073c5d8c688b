"""The load generator: a plain epoll loop, since it shares the machine with what it measures.

Closed loop: each connection sends its next request when the reply has arrived. Open loop: requests are due at fixed
times, whatever the server does, and latency counts from those times, so that a stall shows in every request it delays.
"""

import select
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from orderpipeline_embedded.load.connection import Connection
from orderpipeline_embedded.load.replies import Heads, ReplyError, accepted_orders
from orderpipeline_embedded.load.requests import Request
from orderpipeline_embedded.load.tally import Tally

CONNECT_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 30.0
"""How long to wait for outstanding replies at the end."""
RETRY_SECONDS: Final = 0.25
"""Time between two attempts to connect again, such as while the API restarts."""
AWAY_SECONDS: Final = 30.0
"""A run ends when the API has accepted no connection for this long."""
TICK_NS: Final = 1_000_000_000
EXACT_SECONDS: Final = 0.05
IN_OUT: Final = select.EPOLLIN | select.EPOLLOUT
GIVE_UP_SHARE: Final = 0.2
"""A run ends early when more than this share of all requests, and more than GIVE_UP_FAILURES, got no reply."""
GIVE_UP_FAILURES: Final = 100


@dataclass(frozen=True)
class Pace:
    """How to send. `per_second` is the requests due per second of an open loop (None: a closed loop); `seconds` None:
    until there are no more requests."""

    connections: int
    seconds: float | None
    per_second: float | None = None


class LoadGenerator:
    """One run. `tick(tally)` is called about once a second; `running()` False ends it early, but cleanly."""

    def __init__(
        self,
        address: tuple[str, int],
        requests: Iterator[Request],
        pace: Pace,
        tick: Callable[[Tally], None],
        running: Callable[[], bool] = lambda: True,
    ) -> None:
        self.tally = Tally()
        self._address, self._requests, self._pace = address, requests, pace
        self._tick, self._running = tick, running
        self._epoll = select.epoll()
        self._heads = Heads()
        self._open: dict[int, Connection] = {}
        self._free: deque[Connection] = deque()
        self._lost_since: float | None = None
        self._retried = 0.0
        self._begun = 0
        self._due = 0
        self._next: Request | None = None

    def run(self) -> Tally:
        """Send all requests and wait for the replies. OSError if the first connections cannot be made.

        Later a lost connection is an error that the tally counts, and is made again as soon as the API allows it.
        """
        try:
            for _ in range(self._pace.connections):
                self._connect()
            self._next = next(self._requests, None)
            self._begun, cpu = time.monotonic_ns(), time.process_time()
            try:
                self._send_all()
                self._drain()
            finally:
                self.tally.seconds = (time.monotonic_ns() - self._begun) / 1e9
                self.tally.cpu_seconds = time.process_time() - cpu
        finally:
            for connection in self._open.values():
                connection.close()
            self._epoll.close()
        return self.tally

    def _send_all(self) -> None:
        pace = self._pace
        end = self._begun + int(pace.seconds * 1e9) if pace.seconds is not None else None
        ticked = now = self._begun
        while self._next is not None and (end is None or now < end) and self._running() and not self._hopeless():
            wait = self._send_due(now)
            self._receive(wait)
            now = time.monotonic_ns()
            if now - ticked >= TICK_NS:
                ticked = now
                self.tally.seconds = (now - self._begun) / 1e9
                self._tick(self.tally)
        if pace.per_second is None and self._next is not None and self._hopeless():
            self.tally.unsent += self._next.orders
        if pace.per_second is not None and pace.seconds is not None and self._next is not None:
            self._catch_up(now, int(pace.seconds * pace.per_second))

    def _catch_up(self, now: int, wanted: int) -> None:
        """Send what was due before the end, late as it is, or the worst latencies would be missing."""
        end = now + int(DRAIN_SECONDS * 1e9)
        while self._due < wanted and self._next is not None and now < end and self._running() and not self._hopeless():
            self._receive(self._send_due(self._when(wanted - 1)))
            now = time.monotonic_ns()
        if self._due < wanted and self._next is not None:
            self.tally.unsent += (wanted - self._due) * self._next.orders

    def _send_due(self, now: int) -> float:
        """Send what is due; returns the seconds until the next request is."""
        free = self._free
        if self._pace.per_second is None:
            while free and self._next is not None:
                self._send(free.popleft(), time.monotonic_ns())
            return 1.0
        while free and self._next is not None and (when := self._when(self._due)) <= now:
            self._due += 1
            self._send(free.popleft(), when)
        return max(self._when(self._due) - time.monotonic_ns(), 0) / 1e9 if free else 1.0

    def _when(self, number: int) -> int:
        assert self._pace.per_second is not None
        return self._begun + int(number * 1e9 / self._pace.per_second)

    def _receive(self, wait: float) -> None:
        if self._lost_since is not None:
            wait = min(wait, RETRY_SECONDS)
            self._reconnect()
        exact = wait < EXACT_SECONDS
        events = self._epoll.poll(0 if exact else wait)
        if exact and wait and not events:
            # epoll waits in whole milliseconds; select on the epoll descriptor waits exactly.
            select.select((self._epoll,), (), (), wait)
            events = self._epoll.poll(0)
        for fd, event in events:
            connection = self._open[fd]
            try:
                if event & select.EPOLLOUT and connection.send_more():
                    self._epoll.modify(fd, select.EPOLLIN)
                if event & ~select.EPOLLOUT:
                    self._read(connection)
            except (OSError, ReplyError) as error:
                self._fail(connection, error)

    def _read(self, connection: Connection) -> None:
        data = connection.receive_more()
        request = connection.request
        if request is None:
            raise ReplyError("bytes without a request")
        found = self._heads.split(data)
        if found is None:
            connection.keep_partial(data)
            return
        head, body = found
        accepted = accepted_orders(head.status, body, request.orders)
        self.tally.reply(head.status, request.orders, accepted, time.monotonic_ns() - connection.began)
        connection.finish()
        if head.close:
            self._replace(connection)
        else:
            self._free.append(connection)

    def _send(self, connection: Connection, began: int) -> None:
        request = self._next
        assert request is not None
        self._next = next(self._requests, None)
        self.tally.sent += request.orders
        try:
            if not connection.send(request, began):
                self._epoll.modify(connection.fd, IN_OUT)
        except OSError as error:
            self._fail(connection, error)

    def _fail(self, connection: Connection, error: Exception) -> None:
        if connection.request is not None:
            self.tally.lost(connection.request.orders, f"{type(error).__name__}: {error}")
        elif connection in self._free:
            self._free.remove(connection)
        self._replace(connection)

    def _replace(self, connection: Connection) -> None:
        del self._open[connection.fd]
        connection.close()
        if self._lost_since is None:
            self._lost_since = time.monotonic()
            self._reconnect()

    def _reconnect(self) -> None:
        """Make lost connections again. At most one attempt in RETRY_SECONDS fails; the first failure is counted."""
        now = time.monotonic()
        if now - self._retried < RETRY_SECONDS:
            return
        try:
            while len(self._open) < self._pace.connections:
                self._connect()
        except OSError as error:
            if self._lost_since is not None and self._retried < self._lost_since:
                self.tally.lost(0, f"{type(error).__name__}: {error}")
            self._retried = now
        else:
            self._lost_since = None

    def _connect(self) -> None:
        connection = Connection(self._address, CONNECT_SECONDS)
        self._open[connection.fd] = connection
        self._epoll.register(connection.fd, select.EPOLLIN)
        self._free.append(connection)

    def _hopeless(self) -> bool:
        if not self._open and self._lost_since is not None and time.monotonic() - self._lost_since > AWAY_SECONDS:
            return True
        failed = sum(self.tally.errors.values())
        return failed > GIVE_UP_FAILURES and failed > GIVE_UP_SHARE * self.tally.latency.total

    def _drain(self) -> None:
        end = time.monotonic() + DRAIN_SECONDS
        while (left := len(self._open) - len(self._free)) and time.monotonic() < end:
            self._receive(0.2)
        if left:
            for connection in self._open.values():
                if connection.request is not None:
                    self.tally.lost(connection.request.orders, f"no reply within {DRAIN_SECONDS:.0f} s")
