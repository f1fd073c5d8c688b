"""The order API's own HTTP server on loopback in a thread, in front of a Kafka client that only remembers."""

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal

import uvloop

from orderpipeline_common.order import Order, OrderError, decode_order
from orderpipeline_producer.api.auth import ANONYMOUS
from orderpipeline_producer.api.orders import Orders
from orderpipeline_producer.api.quota import Quota
from orderpipeline_producer.api.routes import PATHS, make_api
from orderpipeline_producer.fast_path import OnOutcome, open_desk
from orderpipeline_producer.http.server import HttpServer
from orderpipeline_producer.kafka.confluent_client import Headers, OnDelivery, ProducePlain, Take
from orderpipeline_producer.kafka.producer_client import Gateway
from orderpipeline_producer.metrics import Metrics, make_registry
from orderpipeline_producer.settings import Limits
from orderpipeline_producer.web.request import Held


class MemorySink:
    """Acknowledges all it was given at the next poll, unless it is told to hold."""

    def __init__(self) -> None:
        self.fatal = ""
        self.fd: int | None = None
        self.take: Take | None = None
        self.produce_plain: ProducePlain | None = None
        self.hold = False
        self.values: list[bytes] = []
        self._due: list[OnDelivery] = []

    def produce(self, key: str, value: bytes, headers: Headers, on_delivery: OnDelivery) -> None:
        self.values.append(bytes(value))
        self._due.append(on_delivery)

    def produce_all(
        self, orders: Sequence[Order], values: Sequence[bytes], headers: Headers, on_delivery: OnDelivery
    ) -> int:
        for order, value in zip(orders, values, strict=True):
            self.produce(order.customer_id, value, headers, on_delivery)
        return len(values)

    def poll(self) -> None:
        if not self.hold:
            due, self._due = self._due, []
            for on_delivery in due:
                on_delivery(None, None)


class MemoryDesk:
    """What the accelerator's desk does, for a sink that remembers: it knows heads by their bytes only."""

    def __init__(self, sink: MemorySink, **rules: Any) -> None:
        self._sink, self._rules = sink, rules
        self._heads: dict[bytes, int] = {}
        self._begin = b""
        self._waiting: set[OnOutcome] = set()
        self.taken = 0

    def request(self, data: bytes, others: int, on_reply: OnOutcome) -> bytes | Literal[True] | None:
        head, _, body = data.partition(b"\r\n\r\n")
        if self._heads.get(head) != len(body):
            return None
        try:
            customer = decode_order(body).customer_id
        except OrderError:
            return None
        answer = b'{"order_id":"desk"}'
        reply = b"%b%d\r\n\r\n%b" % (self._begin, len(answer), answer)

        def on_delivery(error: Any, message: Any) -> None:
            if on_reply in self._waiting:
                self._waiting.discard(on_reply)
                on_reply(reply)

        self.taken += 1
        self._sink.produce(customer, body, [], on_delivery)
        if not self._rules["wait"]:
            return reply
        self._waiting.add(on_reply)
        return True

    def remember(self, head: bytes, length: int) -> None:
        self._heads[head] = length

    def begin(self, reply: bytes) -> None:
        self._begin = reply

    def in_flight(self) -> int:
        return len(self._waiting)

    def counted(self) -> tuple[int, list[int], float]:
        return 0, [0] * (len(self._rules["bounds"]) + 1), 0.0

    def give_up(self, on_reply: OnOutcome) -> tuple[bytes, float] | None:
        assert on_reply in self._waiting
        self._waiting.discard(on_reply)
        return b'{"order_id":"desk"}', 0.0


class Served:
    """A running server. `taken()` is how many orders it has handed to Kafka so far, `desks` what stood at its desk."""

    def __init__(self, port: int, sink: MemorySink, loop: asyncio.AbstractEventLoop, desks: list[MemoryDesk]) -> None:
        self.desks = desks
        self.port = port
        self.sink = sink
        self._loop = loop

    def taken(self) -> int:
        return len(self.sink.values)

    def settle(self) -> None:
        """Let the server take in what has been sent: it accepts, reads and begins to answer in turns of its loop."""
        for _ in range(4):
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result(60)

    def talk(self, *pieces: bytes, replies: int, half_close: bool = False) -> bytes:
        """What comes back for these bytes, sent piece by piece as the server takes them in.

        That is all until the server closes, or so many replies and whatever comes behind them at once.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            received = b""
            with suppress(BrokenPipeError, ConnectionResetError):
                for piece in pieces:
                    client.sendall(piece)
                    self.settle()
                if half_close:
                    client.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                while not received or len(statuses(received)) < replies:
                    if not (chunk := client.recv(1 << 20)):
                        return received
                    received += chunk
                return received + self._rest(client)
            return received

    def in_turn(self, *pieces: tuple[bytes, int]) -> list[int]:
        """The statuses on one connection; each piece goes out when those before it have had so many replies."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            received, due = b"", 0
            for piece, replies in pieces:
                client.sendall(piece)
                due += replies
                while len(statuses(received)) < due:
                    chunk = client.recv(1 << 20)
                    assert chunk, "closed early"
                    received += chunk
            return statuses(received + self._rest(client))

    def _rest(self, client: socket.socket) -> bytes:
        """What comes until the server has had its turns three times and nothing came."""
        client.settimeout(0.02)
        received, silent = b"", 0
        while silent < 3:
            self.settle()
            try:
                chunk = client.recv(1 << 20)
            except (TimeoutError, ConnectionResetError):
                silent += 1
                continue
            if not chunk:
                break
            received, silent = received + chunk, 0
        return received


def statuses(reply: bytes) -> list[int]:
    """The statuses in a stream of replies."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", reply)]


def closes_on_single_bytes(client: socket.socket, seconds: float) -> None:
    """Send a byte for each of the socket's timeouts until the server closes, within so many seconds, without a word."""
    end = time.monotonic() + seconds
    with suppress(ConnectionError):
        while time.monotonic() < end:
            client.sendall(b"a")
            with suppress(TimeoutError):
                assert client.recv(1) == b"", "it closes and says nothing"
                return
    assert time.monotonic() < end, "it reads on and on"


@contextmanager
def served(request_seconds: float = 60.0, *, wait: bool = True, desk: bool = False) -> Iterator[Served]:
    """A server with small limits: orders of 2,000 bytes, bodies of 100,000, batches of 100. With a desk, single orders
    go its way as they go the accelerator's.
    """
    limits = Limits(order_bytes=2000, body_bytes=100_000, batch_orders=100, request_seconds=request_seconds)
    ready: list[Served] = []
    started = threading.Event()
    stops: list[Callable[[], None]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set) and None)
        sink, metrics = MemorySink(), Metrics(PATHS)
        gateway = Gateway(sink, limits.in_flight_bytes, metrics, loop)
        number = iter(range(1_000_000))
        orders = Orders(
            limits=limits, gateway=gateway, identify=lambda _: ANONYMOUS, anonymous=True,
            quota=Quota(0, loop.time), metrics=metrics, held=Held(1_000_000), mint=lambda: f"id-{next(number)}",
            mint_many=lambda count: [f"id-{next(number)}" for _ in range(count)], down=lambda: "", wait=wait,
        )  # fmt: skip
        api = make_api(orders, metrics, make_registry(metrics), lambda: "", lambda: "", loop.time)
        desks: list[MemoryDesk] = []

        def make_desk(**rules: Any) -> MemoryDesk:
            desks.append(MemoryDesk(sink, **rules))
            return desks[-1]

        opened = open_desk(make_desk if desk else None, orders, lambda count: [""] * count)
        server = HttpServer(api, orders, request_seconds, opened)
        ready.append(Served(await server.start("127.0.0.1", 0), sink, loop, desks))
        started.set()
        await stop.wait()
        await server.stop(1.0, linger=0.0)
        gateway.close()

    thread = threading.Thread(target=lambda: uvloop.run(run()))
    thread.start()
    assert started.wait(60)
    try:
        yield ready[0]
    finally:
        stops[0]()
        thread.join(60)
        assert not thread.is_alive()
