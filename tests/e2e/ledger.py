"""Faults with a ledger: `python -m tests.e2e.ledger SECONDS` (60 or more; 600 by default).

`orderpipeline run` with a PostgreSQL of its own, customers that send one order after the other, and faults in turn:
kill -9 of a consumer, of everything, of everything with the ends of the logs cut off, the database restored to what it
was up to a minute ago, the topic made anew. At the end one line of JSON:

    {"acked": 52000, "destroyed": 310, "lost": 0, "second_effects": 0, "out_of_order": 0, "faults": {"cut": 9, ...}}

`destroyed` were acknowledged, and are neither in the log nor in the database because a fault removed them from both, as
replicas and backups would prevent; `lost` are in the log and not in the database, `second_effects` orders that the
database has more than once, `out_of_order` orders that it stored before an earlier one of the same customer.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.support.helm import ROOT
from tests.support.ports import free_ports
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until

PARTITIONS = 6
CUSTOMERS = 24
TABLES = ("orders", "orders_offsets")
FILE = f"""
apiVersion: orderpipeline.dev/v1alpha1
kind: OrderPipeline
metadata: {{name: ledger}}
spec:
  topic: {{name: orders, partitions: {PARTITIONS}}}
  producer: {{replicas: 1, linger: 0ms}}
  consumer: {{sink: {{type: postgres, dsnSecret: {{name: database, key: dsn}}}}}}
  autoscaling: {{mode: "Off", replicas: 2}}
"""


class Customers:
    """Each sends an order again until it is acknowledged, and then the next one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(f"c{number}",)) for number in range(CUSTOMERS)]
        self.acknowledged: list[str] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            identity = f"{name}/{number}"
            order = {"customer_id": name, "product_id": "p", "quantity": 1, "amount": 1, "order_id": identity}
            body = json.dumps(order).encode()
            request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=60):
                    self.acknowledged.append(identity)
                    number += 1
            except (urllib.error.URLError, OSError):
                self._stop.wait(0.3)


class Ledger:
    """The pipeline, its database, and what was done to them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "pipeline.yaml"
        self._file.write_text(FILE)
        (folder / "postgres").mkdir()
        self.database = Postgres(folder / "postgres")
        self.database.start()
        secret = folder / "secrets" / "database"
        secret.mkdir(parents=True)
        (secret / "dsn").write_text(self.database.dsn)
        self.port, self._kafka_port = free_ports(2)
        self.bootstrap = f"127.0.0.1:{self._kafka_port}"
        self._run: subprocess.Popen[bytes] | None = None
        self.faults: Counter[str] = Counter()

    def start(self) -> None:
        """Start everything, and wait until orders are taken."""
        out = self._folder / f"output-{uuid.uuid4().hex[:6]}"
        with out.open("wb") as output:
            self._run = subprocess.Popen(
                [sys.executable, "-m", "orderpipeline_embedded", "run", str(self._file), "--data", str(self._data),
                 "--port", str(self.port), "--kafka-port", str(self._kafka_port),
                 "--secrets", str(self._folder / "secrets")],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        wait_until("the run is ready", lambda: "ready after" in out.read_text(), detail=out.read_text)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def kill(self) -> None:
        """kill -9 of the run and all its processes."""
        ours = self._processes("")
        for number in ours:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        if self._run is not None:
            self._run.wait(60)
        wait_until("all have ended", lambda: not self._processes(""))

    def close(self) -> None:
        self.kill()
        self.database.stop()

    def _processes(self, module: str) -> list[int]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
                ours = str(self._data).encode() in line or f"SERVERS={self.bootstrap}\0".encode() in environment
                if ours and module.encode() in line:
                    found.append(int(folder.name))
        return found

    # the faults

    def consumer_killed(self) -> None:
        os.kill(random.choice(self._processes("orderpipeline_consumer")), signal.SIGKILL)

    def everything_killed(self) -> None:
        self.kill()
        self.start()

    def logs_cut(self) -> None:
        """Up to 2 KB from the end of each partition's log."""
        self.kill()
        for folder in (self._data / "kafka" / "data").glob("orders-*"):
            for index in folder.glob("*index"):
                index.unlink()
            segment = max(folder.glob("*.log"))
            with segment.open("r+b") as file:
                file.truncate(max(0, segment.stat().st_size - random.randrange(2048)))
        self.start()

    def backed_up(self) -> None:
        with psycopg.connect(self.database.dsn) as connection:
            for table in TABLES:
                connection.execute(f"DROP TABLE IF EXISTS {table}_backup")
                connection.execute(f"CREATE TABLE {table}_backup AS TABLE {table}")

    def database_restored(self) -> None:
        with psycopg.connect(self.database.dsn) as connection:
            for table in TABLES:
                connection.execute(f"LOCK TABLE {table}")
                connection.execute(f"DELETE FROM {table}")
                connection.execute(f"INSERT INTO {table} TABLE {table}_backup")

    def topic_made_anew(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.delete_topics(["orders"])["orders"].result(60)

        def create() -> bool:
            admin.create_topics([NewTopic("orders", PARTITIONS, 1)])["orders"].result(60)
            return True

        wait_until("the topic is there again", create, tolerate=(KafkaException,))

    def destroy(self, name: str) -> None:
        """One fault."""
        faults: dict[str, Callable[[], None]] = {
            "consumer": self.consumer_killed, "everything": self.everything_killed, "cut": self.logs_cut,
            "restore": self.database_restored, "topic": self.topic_made_anew,
        }  # fmt: skip
        faults[name]()
        self.faults[name] += 1

    # the books

    def in_the_log(self) -> set[str]:
        """The ids of all orders that the topic has."""
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "ledger-books", "enable.partition.eof": True}
        )
        found, at_end = set[str](), 0
        try:
            consumer.assign([TopicPartition("orders", number, 0) for number in range(PARTITIONS)])
            while at_end < PARTITIONS:
                message = consumer.poll(60)
                if message is None:
                    raise RuntimeError("Kafka does not answer")
                if message.error() is not None:
                    at_end += 1
                else:
                    found.add(json.loads(message.value() or b"{}")["order_id"])
        finally:
            consumer.close()
        return found

    def stored(self) -> set[str]:
        """The ids of all orders that the database has."""
        return {str(row[0]) for row in self.database.query("SELECT order_id FROM orders")}

    def balance(self, acknowledged: list[str]) -> dict[str, object]:
        """Waits until the consumers have caught up; then the line of figures."""
        there = self.in_the_log()
        with suppress(AssertionError):
            wait_until("the consumers have caught up", lambda: there <= self.stored(), every=0.5)
        stored = self.stored()
        twice = self.database.query("SELECT count(*) - count(DISTINCT order_id) FROM orders")[0][0]
        disorder = """
            SELECT count(*) FROM (SELECT number, lag(number) OVER (PARTITION BY customer_id ORDER BY seq) AS earlier
            FROM (SELECT customer_id, seq, split_part(order_id, '/', 2)::int AS number FROM orders) o) o
            WHERE earlier > number"""
        return {
            "acked": len(acknowledged),
            "destroyed": len(set(acknowledged) - there - stored),
            "lost": len(there - stored),
            "second_effects": twice,
            "out_of_order": self.database.query(disorder)[0][0],
            "faults": dict(self.faults),
        }


@contextmanager
def ledger() -> Iterator[Ledger]:
    """Everything is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="orderpipeline-ledger-"))
    folder.chmod(0o755)
    one: Ledger | None = None
    try:
        one = Ledger(folder)
        yield one
    finally:
        if one is not None:
            one.close()
        shutil.rmtree(folder, ignore_errors=True)


def main(seconds: float) -> int:
    """Faults for so long; exit status 1 if an order was lost, took effect twice or came out of order."""
    with ledger() as one:
        one.start()
        customers = Customers(f"http://127.0.0.1:{one.port}/order")
        customers.start()
        try:
            one.database.wait_for("SELECT count(*) > 100 FROM orders", True)
            end, pause, backup_at = time.monotonic() + seconds, min(12.0, seconds / 12), 0.0
            names: list[str] = []
            while time.monotonic() < end:
                if time.monotonic() > backup_at:
                    one.backed_up()
                    backup_at = time.monotonic() + min(60.0, seconds / 4)
                names = names or random.sample(["consumer", "everything", "cut", "restore", "topic"], 5)
                time.sleep(pause * random.random())
                name = names.pop()
                print(
                    f"{end - time.monotonic():.0f} s left, {len(customers.acknowledged)} orders: {name}",
                    file=sys.stderr,
                )
                one.destroy(name)
        finally:
            customers.stop()
        figures = one.balance(customers.acknowledged)
    print(json.dumps(figures))
    return 1 if figures["lost"] or figures["second_effects"] or figures["out_of_order"] else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0))
