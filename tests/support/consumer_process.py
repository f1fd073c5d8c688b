"""The real consumer as processes, the orders they get, and what can be seen of them from outside."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from orderpipeline_common.contract import Env
from tests.support.broker import Broker
from tests.support.ports import free_ports
from tests.support.processes import ENDS_WITH_US
from tests.support.waiting import wait_until


@pytest.fixture(params=["off", *(pytest.param(each, marks=pytest.mark.accelerator) for each in ("librdkafka", "on"))])
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's consumers read orders in Python, by the accelerator from librdkafka, and by the accelerator alone."""
    monkeypatch.setenv(Env.ACCELERATOR, request.param)


PROTOCOLS = pytest.mark.parametrize("protocol", ["consumer", "classic"])
"""The protocols by which a group shares its partitions; see tests/support/matrix.py."""


def order(customer: str, number: int, product: str = "p", amount: str = "1.10") -> bytes:
    """An order's JSON; its order_id is `customer/number`, the amount stands there digit for digit."""
    head = json.dumps(
        {"customer_id": customer, "product_id": product, "quantity": 1, "order_id": f"{customer}/{number}"}
    )
    return head[:-1].encode() + b', "amount": ' + amount.encode() + b"}"


class Process:
    """A consumer process; `log` is where its output goes."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        self.port = free_ports(1)[0]
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*ENDS_WITH_US, sys.executable, "-W", "error", "-m", "orderpipeline_consumer"],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), **env, Env.PORT: str(self.port)},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET on its HTTP port; status 0 while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str) -> float:
        """A metric's value, its labels included in `name`; 0 when there is none."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def state(self) -> str:
        """What it says of itself, for whoever looks at a failure."""
        if not self.alive:
            return f"ended with {self.wait()}"
        metrics = [line for line in self.get("/metrics")[1].splitlines() if line.startswith("orderpipeline_")]
        return "\n".join([f"ready: {self.get('/ready')}", f"healthy: {self.get('/health')}", *metrics])

    def wait_ready(self, seconds: float = 120) -> None:
        """Wait until it is in the group."""
        wait_until("ready", lambda: self.alive and self.get("/ready")[0] == 200, seconds=seconds)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self, seconds: float = 120) -> int:
        """The exit code."""
        return self._process.wait(seconds)

    def kill(self) -> None:
        """End it as a crash would."""
        if self.alive:
            self._process.kill()
        self._process.wait(30)


class Pipeline:
    """A topic of its own, and consumers of it in one group."""

    def __init__(self, broker: Broker, folder: Path, partitions: int, extra: Mapping[str, str]) -> None:
        name = uuid.uuid4().hex[:12]
        self.broker = broker
        self.topic = broker.create_topic(f"orders-{name}", partitions)
        self.group = f"group-{name}"
        self.partitions = partitions
        self.folder = folder
        self.record = folder / "record.jsonl"
        self.env = {
            Env.BOOTSTRAP_SERVERS: broker.bootstrap,
            Env.TOPIC: self.topic,
            Env.GROUP: self.group,
            Env.RETRY_BACKOFF_MS: "20",
            Env.HANDLER: "tests.support.consumer_handlers:record",
            "RECORD_FILE": str(self.record),
            Env.ACCELERATOR: os.environ.get(Env.ACCELERATOR, "auto"),
            **extra,
        }
        self.processes: list[Process] = []
        self._observer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": self.group})  # never joins

    def start(self, **extra: str) -> Process:
        """Start a consumer; `extra` adds to the environment."""
        process = Process({**self.env, **extra}, self.folder / f"consumer-{len(self.processes)}.log")
        self.processes.append(process)
        return process

    def send(self, orders: Iterable[tuple[str | None, bytes | None]], partition: int | None = None) -> None:
        """Produce key and value pairs and wait for the acks."""
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "acks": "all", "enable.idempotence": True})
        where = {} if partition is None else {"partition": partition}
        for key, value in orders:
            producer.produce(self.topic, key=key, value=value, **where)
            producer.poll(0)
        assert producer.flush(60) == 0

    def send_numbered(self, customer: str, count: int) -> list[str]:
        """Orders of a customer to partition 0, ten to a batch of the log; returns their ids."""
        for first in range(0, count, 10):
            self.send([(customer, order(customer, number)) for number in range(first, first + 10)], partition=0)
        return [f"{customer}/{number}" for number in range(count)]

    def ends(self) -> dict[int, int]:
        """Log end of each partition."""
        return {number: self.end(TopicPartition(self.topic, number)) for number in range(self.partitions)}

    def end(self, place: TopicPartition) -> int:
        """Log end of a partition, of this topic or another."""
        return int(self._observer.get_watermark_offsets(place, timeout=60)[1])

    def committed(self) -> dict[int, int]:
        """Committed offset of each partition; absent where there is none."""
        places = [TopicPartition(self.topic, number) for number in range(self.partitions)]
        found = wait_until(  # after a restart the broker takes a while to find the group
            "committed offsets", lambda: self._observer.committed(places, timeout=60), tolerate=(KafkaException,)
        )
        return {one.partition: one.offset for one in found if one.offset >= 0}

    def wait_committed(self, seconds: float = 180) -> None:
        """Wait until every record is committed, and the markers of transactions, which may be written late."""

        def all_committed() -> bool:
            ends = {number: end for number, end in self.ends().items() if end}
            return ends.items() <= self.committed().items()

        wait_until("all committed", all_committed, seconds=seconds)

    def close(self) -> None:
        """Let the observer go."""
        self._observer.close()

    def events(self, event: str = "done") -> list[tuple[str, str, int]]:
        """What the recording handler wrote: customer, order_id, process id; a line cut by a crash is left out."""
        if not self.record.exists():
            return []
        lines = [json.loads(line) for line in self.record.read_text().splitlines() if line.endswith("]")]
        return [(customer, identity, pid) for kind, customer, identity, pid in lines if kind == event]

    def read(self, topic: str, count: int, seconds: float = 120) -> list[Message]:
        """The first `count` messages of another topic."""
        settings = {"bootstrap.servers": self.broker.bootstrap, "group.id": uuid.uuid4().hex}
        consumer = Consumer({**settings, "auto.offset.reset": "earliest"})
        consumer.subscribe([topic])
        found: list[Message] = []
        try:
            end = time.monotonic() + seconds
            while len(found) < count and time.monotonic() < end:
                found += [message for message in consumer.consume(count, 0.2) if message.error() is None]
        finally:
            consumer.close()
        return found


@contextmanager
def pipeline(broker: Broker, folder: Path, partitions: int = 4, **extra: str) -> Iterator[Pipeline]:
    """A Pipeline whose consumers end with the block; what they logged is printed when it fails."""
    one = Pipeline(broker, folder, partitions, extra)
    try:
        yield one
    except BaseException:
        for process in one.processes:
            print(f"--- {process.log.name}\n{process.log.read_text()[-6000:]}\n{process.state()}")
        print(f"ends {one.ends()}, committed {one.committed()}")
        raise
    finally:
        for process in one.processes:
            process.kill()
        one.close()


def per_customer(events: Iterable[tuple[str, str, int]]) -> dict[str, list[int]]:
    """The numbers of each customer's orders in the order of the events."""
    numbers: dict[str, list[int]] = {}
    for customer, identity, _ in events:
        numbers.setdefault(customer, []).append(int(identity.rpartition("/")[2]))
    return numbers


def in_order_without_gaps(numbers: list[int]) -> bool:
    """Whether each number comes for the first time right after the one before; repeats may go back."""
    first = list(dict.fromkeys(numbers))
    return first == list(range(len(first)))
