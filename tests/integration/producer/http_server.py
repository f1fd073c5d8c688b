"""The order API's own HTTP server on loopback in a thread, in front of a Kafka client that only remembers."""

import asyncio
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvloop

from orderpipeline_common.background import Background
from orderpipeline_common.order import OrderError, decode_order
from orderpipeline_producer.api.admission import Admission
from orderpipeline_producer.api.orders import Orders
from orderpipeline_producer.api.quota import Quota
from orderpipeline_producer.api.routes import PATHS, make_api
from orderpipeline_producer.decoding.order_ids import TimeOrderedIds
from orderpipeline_producer.decoding.reader import PYTHON, OrderReader
from orderpipeline_producer.fast_path import ROUTES, AcceleratedFastPath, PythonFastPath, bucket_factory
from orderpipeline_producer.http.handler import OnReply
from orderpipeline_producer.http.responses import Responses
from orderpipeline_producer.http.server import HttpServer
from orderpipeline_producer.kafka.confluent_client import ConfluentClient
from orderpipeline_producer.metrics import Metrics, make_registry
from orderpipeline_producer.settings import Limits
from orderpipeline_producer.web.request import BodyMemoryBudget
from orderpipeline_producer.web.timeouts import Timeouts


class MemoryProducer:
    """confluent-kafka's producer, but it remembers: it acknowledges all at the next poll, unless it is told to hold."""

    def __init__(self) -> None:
        self.hold = False
        self.values: list[bytes] = []
        self._due: list[Callable[..., None]] = []

    def produce(self, topic: str, value: bytes, key: str, partition: int, on_delivery: Any, *more: Any) -> None:
        self.values.append(bytes(value))
        self._due.append(on_delivery)

    def poll(self, seconds: float) -> None:
        if not self.hold:
            due, self._due = self._due, []
            for on_delivery in due:
                on_delivery(None, None)

    def flush(self, seconds: float) -> int:
        return len(self._due)


class MemoryFastPath:
    """What the accelerator's part of the fast path does, but it remembers: it knows heads by their bytes only."""

    def __init__(self, producer: MemoryProducer, **settings: Any) -> None:
        self._producer, self._settings = producer, settings
        self._heads: dict[bytes, int] = {}
        self._reply_prefix = b""
        self._waiting: set[OnReply] = set()
        self.accepted = 0

    def try_now(self, data: bytes, on_reply: OnReply) -> bytes | None:
        head, _, body = data.partition(b"\r\n\r\n")
        if self._heads.get(head) != len(body):
            return None
        try:
            customer = decode_order(body).customer_id
        except OrderError:
            return None
        answer = b'{"order_id":"fast"}'
        reply = b"%b%d\r\n\r\n%b" % (self._reply_prefix, len(answer), answer)

        def on_delivery(error: Any, message: Any) -> None:
            self._settings["in_flight"].value -= len(body)
            if on_reply in self._waiting:
                self._waiting.discard(on_reply)
                on_reply(reply)

        self.accepted += 1
        self._settings["in_flight"].value += len(body)
        self._producer.produce("orders", body, customer, -1, on_delivery)
        if not self._settings["wait"]:
            return reply
        self._waiting.add(on_reply)
        return b""

    def allow_head(self, head: bytes, length: int, bucket: object = None, batch: bool = False) -> None:
        assert bucket is None, "these clients have no quota"
        if not batch:  # batches of one are left to the API
            self._heads[head] = length

    def forget_heads(self) -> None:
        self._heads.clear()

    def set_reply_prefix(self, prefix: bytes) -> None:
        self._reply_prefix = prefix

    def drain_counts(self) -> tuple[int, list[tuple[list[int], float]]]:
        return 0, [([0] * (len(self._settings["bounds"]) + 1), 0.0) for _ in ROUTES]

    def give_up(self, on_reply: OnReply) -> tuple[bytes, float, bool] | None:
        assert on_reply in self._waiting
        self._waiting.discard(on_reply)
        return b'{"order_id":"fast"}', 0.0, False


class Served:
    """A running server. `accepted()` is how many orders it has handed to Kafka so far; `fast_paths` has what stands for
    the accelerator's part, if it has any.
    """

    def __init__(
        self, port: int, kafka: MemoryProducer, loop: asyncio.AbstractEventLoop, fast_paths: list[MemoryFastPath]
    ) -> None:
        self.fast_paths = fast_paths
        self.port = port
        self.kafka = kafka
        self._loop = loop

    def accepted(self) -> int:
        return len(self.kafka.values)

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


PATIENT = Timeouts(head=60.0, request=60.0)


@contextmanager
def served(timeouts: Timeouts = PATIENT, *, wait: bool = True, accelerated: bool = False) -> Iterator[Served]:
    """A server with small limits: orders of 2,000 bytes, bodies of 100,000, batches of 100. If accelerated, single
    orders are accepted as by the accelerator.
    """
    limits = Limits(order_bytes=2000, body_bytes=100_000, batch_orders=100, timeouts=timeouts)
    ready: list[Served] = []
    started = threading.Event()
    stops: list[Callable[[], None]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        stop, background = asyncio.Event(), Background()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set) and None)
        kafka, metrics, responses = MemoryProducer(), Metrics(PATHS), Responses(time.time())
        report = lambda code, text, *, fatal=None: None  # noqa: E731
        client = ConfluentClient({}, "orders", limits.in_flight_bytes, report, background, lambda config: kafka)
        orders = Orders(
            reader=OrderReader(limits, PYTHON), client=client,
            admission=Admission(None, Quota(0, bucket_factory(client, loop.time)), lambda: "", metrics),
            ids=TimeOrderedIds(time.time_ns, os.urandom), body_memory=BodyMemoryBudget(1_000_000),
            metrics=metrics, wait=wait,
        )  # fmt: skip
        fast_paths: list[MemoryFastPath] = []

        def make(**settings: Any) -> MemoryFastPath:
            fast_paths.append(MemoryFastPath(kafka, **settings))
            return fast_paths[-1]

        fast_path: PythonFastPath | AcceleratedFastPath
        if accelerated:
            fast_path = AcceleratedFastPath(make, orders, responses, loop.time)
        else:
            fast_path = PythonFastPath(orders, responses, loop.time)
        registry = make_registry(metrics, client.in_flight, fast_path.add_counts, lambda: 0.0)
        api = make_api(orders, registry, lambda: "", lambda: "", loop.time)
        server = HttpServer(api, fast_path, responses, timeouts)
        ready.append(Served(await server.start("127.0.0.1", 0, background), kafka, loop, fast_paths))
        started.set()
        await stop.wait()
        await server.stop(1.0, linger=0.0)
        client.close(0)

    thread = threading.Thread(target=lambda: uvloop.run(run()))
    thread.start()
    assert started.wait(60)
    try:
        yield ready[0]
    finally:
        stops[0]()
        thread.join(60)
        assert not thread.is_alive()
