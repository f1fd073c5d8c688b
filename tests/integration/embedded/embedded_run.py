"""`orderpipeline run` as a process on free ports, and looks at what it does and leaves behind."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from tests.support.helm import ROOT
from tests.support.ports import free_ports
from tests.support.waiting import Deadline

PARTITIONS = 6
PIPELINE = f"""
apiVersion: orderpipeline.dev/v1alpha1
kind: OrderPipeline
metadata: {{name: embedded}}
spec:
  topic: {{name: orders, partitions: {PARTITIONS}}}
  producer: {{replicas: 1, linger: 0ms}}
  consumer: {{handler: "tests.support.consumer_handlers:record", image: none, workers: 2, batchSize: 10}}
  autoscaling: {{partitionsPerConsumer: {{min: 2, max: 3}}, targetCatchUp: 5s, pollInterval: 1s}}
"""


class EmbeddedRun:
    """A running `orderpipeline run`."""

    def __init__(self, process: "subprocess.Popen[bytes]", ports: tuple[int, int, int], data: Path, out: Path) -> None:
        self.process, self.data = process, data
        self.port, kafka_port, console = ports
        self.bootstrap, self.console = f"127.0.0.1:{kafka_port}", f"http://127.0.0.1:{console}/"
        self._out = out

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._out.read_text()

    def wait_for(self, true: Callable[[], bool], what: str, seconds: float = 180.0) -> None:
        """Wait while it lives; AssertionError with its output."""
        deadline = Deadline(what, seconds, lambda: self.output)
        while not true():
            deadline.check()
            assert self.process.poll() is None, f"{what}: it has ended\n{self.output}"
            time.sleep(0.05)

    def wait_text(self, text: str, seconds: float = 180.0) -> None:
        """Wait until it has printed this."""
        self.wait_for(lambda: text in self.output, repr(text), seconds)

    def post(self, orders: Sequence[Mapping[str, Any]]) -> int:
        """Send a batch, again while the answer is 503 as a client should, for 120 s at most; the last status."""
        deadline = time.monotonic() + 120
        while (status := self._post_once(orders)) == 503 and time.monotonic() < deadline:
            time.sleep(0.5)
        return status

    def _post_once(self, orders: Sequence[Mapping[str, Any]]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            body = json.dumps(list(orders)).encode()
            connection.request("POST", "/orders/batch", body, {"Content-Type": "application/json"})
            return connection.getresponse().status
        finally:
            connection.close()

    def committed(self) -> int:
        """Orders that the group has committed."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "embedded"})
        try:
            asked = [TopicPartition("orders", number) for number in range(PARTITIONS)]
            return sum(max(one.offset, 0) for one in consumer.committed(asked, timeout=60))
        finally:
            consumer.close()

    def left(self) -> list[str]:
        """Command lines of its processes that live: they name its data folder or its broker."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
                ours = str(self.data).encode() in line or f"SERVERS={self.bootstrap}\0".encode() in environment
                if ours and int(folder.name) != self.process.pid:
                    found.append(line.replace(b"\0", b" ").decode())
        return found

    def end(self, *signals: signal.Signals, seconds: float = 120.0) -> int:
        """Send the signals one after the other; returns the exit status."""
        for number in signals:
            self.process.send_signal(number)
            time.sleep(0.5)
        return self.process.wait(seconds)


def command(data: Path, port: int, kafka_port: int, file: Path, *more: str, console: int = 0) -> list[str]:
    """The command line; without a console unless it has a port."""
    ports = ["--port", str(port), "--kafka-port", str(kafka_port), "--console-port", str(console)]
    return [sys.executable, "-m", "orderpipeline_cli", "run", str(file), "--data", str(data), *ports, *more]


@contextmanager
def running(folder: Path, *more: str, pipeline: str = PIPELINE) -> Iterator[EmbeddedRun]:
    """A run that is ready; its data stay in `folder`. The tested handler records orders in folder/record."""
    file, out = folder / "pipeline.yaml", folder / "output"
    file.write_text(pipeline)
    port, kafka_port, console = free_ports(3)
    with out.open("wb") as output:
        process = subprocess.Popen(
            command(folder / "data", port, kafka_port, file, *more, console=console),
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env={**os.environ, "RECORD_FILE": str(folder / "record"), "PYTHONWARNINGS": "error"},
        )  # fmt: skip
    run = EmbeddedRun(process, (port, kafka_port, console), folder / "data", out)
    try:
        run.wait_text("ready after")
        yield run
    finally:
        if process.poll() is None:
            run.end(signal.SIGINT, signal.SIGINT)
