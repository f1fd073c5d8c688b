"""The real order API as a process on loopback, and small clients for it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from orderpipeline_common.contract import Env
from tests.support.broker import Broker
from tests.support.ports import free_ports
from tests.support.processes import ENDS_WITH_US
from tests.support.waiting import Deadline

ACCELERATORS = ["off", pytest.param("on", marks=pytest.mark.accelerator)]
"""Settings of the accelerator, for tests that hold with it and without."""
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")
ORDER = {"customer_id": "c-1", "product_id": "p-1", "quantity": 2, "amount": 19.9}


class Answer:
    """One HTTP reply."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Producer:
    """A running order API. `port` is where it listens on 127.0.0.1."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.port = port
        self.process = process
        self.log = log

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            reply = connection.getresponse()
            return Answer(reply.status, dict(reply.getheaders()), reply.read())
        finally:
            connection.close()

    def post(self, path: str, body: Any, media_type: str = "application/json", **headers: str) -> Answer:
        """POST; what isn't bytes is sent as JSON. An underscore in a header's name stands for a dash."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Content-Type": media_type, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.call("POST", path, data, fields)

    def raw(self, *pieces: bytes, replies: int = 1, half_close: bool = False, pause: float = 0.1) -> bytes:
        """What comes back for these bytes, sent piece by piece; a body that has to be asked for waits for that.

        That is all until the server closes, or so many replies and whatever comes in 0.3 s behind them.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as client:
            received = b""
            with suppress(BrokenPipeError, ConnectionResetError):  # it has closed; it may have said why before
                for piece in pieces:
                    client.sendall(piece)
                    if b"100-continue" in piece and piece is not pieces[-1]:
                        received += client.recv(65536)
                    else:
                        time.sleep(pause)
                if half_close:
                    client.shutdown(socket.SHUT_WR)
            with suppress(TimeoutError, ConnectionResetError):
                while chunk := client.recv(65536):
                    received += chunk
                    if len(STATUS.findall(received)) >= replies:
                        client.settimeout(0.3)
            return received

    def wait_ready(self, seconds: float = 60.0, status: int = 200) -> None:
        """Wait until /ready answers with this status."""
        deadline = Deadline(f"/ready is {status}", seconds, self.log.read_text)
        while not self._ready_is(status):
            deadline.check()
            time.sleep(0.05)

    def _ready_is(self, status: int) -> bool:
        try:
            return self.call("GET", "/ready").status == status
        except OSError:
            assert self.process.poll() is None, self.log.read_text()
            return False

    def stop(self, seconds: float = 60.0) -> int:
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@contextmanager
def running(broker: Broker, topic: str, folder: Path, wait: bool = True, **env: str) -> Iterator[Producer]:
    """A producer process for the topic; keyword arguments are environment variables by their names in `Env`."""
    port = free_ports(1)[0]
    variables = {
        Env.BOOTSTRAP_SERVERS: broker.bootstrap,
        Env.TOPIC: topic,
        Env.PORT: str(port),
        Env.DRAIN_SECONDS: "30",
        Env.HEAD_TIMEOUT_SECONDS: "60",
        Env.REQUEST_TIMEOUT_SECONDS: "60",  # on a busy machine, an answer of Kafka may take longer than the default
        **{getattr(Env, name): value for name, value in env.items()},
    }
    log = folder / f"producer-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*ENDS_WITH_US, sys.executable, "-X", "dev", "-W", "error", "-m", "orderpipeline_producer"],
            env={**os.environ, **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    producer = Producer(port, process, log)
    try:
        if wait:
            producer.wait_ready()
        yield producer
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(60)


def records(broker: Broker, topic: str, seconds: float = 60.0) -> list[Message]:
    """All records of the topic, in partition and offset order."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "reader", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, 60).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 60)[1] for p in partitions}
        consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
        found: list[Message] = []
        deadline = Deadline(f"{sum(ends.values())} records", seconds)
        while len(found) < sum(ends.values()):
            deadline.check(f"{len(found)} have come")
            found += [message for message in consumer.consume(10000, 0.2) if message.error() is None]
        return sorted(found, key=lambda message: (message.partition(), message.offset()))
    finally:
        consumer.close()
