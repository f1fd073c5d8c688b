"""Orders into PostgreSQL, each effectively once, beside a bare COPY of the same rows into the same table.

Consumer, broker and database share all cores, and so do the database and the client of COPY. The server is durable:
what it has committed is on disk (`fsync` and `synchronous_commit` are on).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from confluent_kafka import Producer

from bench.check import MismatchError
from bench.kafka import LOG, Kafka
from bench.processes import TICK, Process, cpu_seconds, pin, running
from bench.running_pipeline import CORES
from bench.sample_orders import sample_orders, write_orders
from bench.servers import ROOT, plan, variants
from bench.settings import LOAD_CORE, PARTITIONS, Scale
from bench.turns import in_turn
from orderpipeline_common.contract import Env
from orderpipeline_consumer.sinks.postgres.schema import COLUMNS
from orderpipeline_embedded.ports import free_ports
from orderpipeline_producer.decoding.order_ids import TimeOrderedIds
from tests.support.postgres import Postgres, binaries

COPY: Final = "copy"
COPY_TITLE: Final = "COPY, by psql from a file"
SETTINGS: Final = {"shared_buffers": "256MB", "max_wal_size": "4GB", "lc_messages": "C"}
SECONDS: Final = 120.0
DEFAULTED: Final = ("received_at", "seq")
"""Columns that neither way fills: the server does."""

Runs = dict[str, list[dict[str, Any]]]
"""By consumer and for COPY, an entry per round: `orders_per_s`, and by part `us`, the CPU per order."""


def postgres(kafka: Kafka, scale: Scale, report: Callable[[str], None]) -> Runs:
    """All ways in turns, forwards and backwards, each into a new table.

    MismatchError if a table does not have all orders, each once, and the same in all of them.
    """
    runs: Runs = {name: [] for name in (*variants(), COPY)}
    with _all_cores(kafka), _server() as server, kafka.topic(PARTITIONS) as topic:
        fill_topic(kafka.bootstrap, topic, scale.stored)
        bench = Bench(kafka, server, topic, scale.stored)
        bench.write_rows()
        for number in range(scale.rounds):
            for name in in_turn(list(runs), number):
                found = bench.copy() if name == COPY else bench.store(variants()[name])
                runs[name].append(found)
                cost = ", ".join(f"{part} {us:.2f}" for part, us in found["us"].items())
                report(f"{number + 1} {name}: {found['orders_per_s']:,.0f} orders/s; µs: {cost}")
    return runs


def fill_topic(bootstrap: str, topic: str, count: int) -> None:
    """Write `count` orders, each with an order_id as the order API assigns it."""
    samples = sample_orders()
    plain = [samples[at % len(samples)] for at in range(count)]
    ids = TimeOrderedIds(time.time_ns, os.urandom).many(0, [value for value, _ in plain])
    orders = [(b'{"order_id":"%b",%b' % (order_id.encode(), value[1:]), key)
              for order_id, (value, key) in zip(ids, plain, strict=True)]  # fmt: skip
    config = {"bootstrap.servers": bootstrap, "acks": 1, "linger.ms": 20, "compression.type": "snappy",
              "queue.buffering.max.messages": 1_000_000, "delivery.report.only.error": True}  # fmt: skip
    write_orders(Producer(config, logger=LOG), topic, orders, count)


class Bench:
    """A topic of `count` orders, and a server."""

    def __init__(self, kafka: Kafka, server: Postgres, topic: str, count: int) -> None:
        self._kafka, self._server, self._topic, self._count = kafka, server, topic, count
        self._rows = Path(server.query("SHOW data_directory")[0][0]) / "rows"  # type: ignore[arg-type]
        self._columns = ", ".join(f'"{column}"' for column in COLUMNS if column not in DEFAULTED)
        self._tables = 0
        self._digest: object = None

    def write_rows(self) -> None:
        """Store the orders once without measuring it, which also warms up everything, and write the rows for COPY."""
        self._store(next(iter(variants().values())), self._export)

    def store(self, env: Mapping[str, str]) -> dict[str, Any]:
        """Measure a consumer with this added to its environment."""
        return self._store(env, lambda table: None)

    def copy(self) -> dict[str, Any]:
        """Measure COPY of all rows in one statement."""
        with self._table() as table:
            with psycopg.connect(self._server.dsn) as connection:
                definition = ", ".join(f'"{column}" {kind}' for column, kind in COLUMNS.items())
                connection.execute(f"CREATE TABLE {table} ({definition})".encode())
            spent = database_seconds(self._server.pid)
            line = f"\\copy {table} ({self._columns}) FROM '{self._rows}'"
            command = [str(binaries() / "psql"), "-X", "-d", self._server.dsn, "-c", "\\timing on", "-c", line]
            done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=SECONDS,
                                  env={**os.environ, "LC_ALL": "C"})  # fmt: skip
            took = re.search(r"COPY \d+\s+Time: ([\d.]+) ms", done.stdout)
            if done.returncode or took is None:
                raise RuntimeError(f"psql: {done.stderr}{done.stdout}")
            spent = database_seconds(self._server.pid) - spent
            self._check(table)
        us = {"database": spent / self._count * 1e6}
        return {"orders_per_s": self._count / (float(took[1]) / 1e3), "us": us}

    def _store(self, env: Mapping[str, str], after: Callable[[str], None]) -> dict[str, Any]:
        """Measured from the first orders that are seen in the table to the last."""
        with self._table() as table, running(self._consumer(table, env)) as consumer:
            parts: Mapping[str, Callable[[], float]] = {
                "consumer": consumer.cpu,
                "broker": lambda: cpu_seconds(self._kafka.pid),
                "database": lambda: database_seconds(self._server.pid),
            }
            with psycopg.connect(self._server.dsn, autocommit=True) as connection:
                first = self._wait(connection, consumer, table, 1)
                begun, used = time.monotonic(), {name: read() for name, read in parts.items()}
                last = self._wait(connection, consumer, table, self._count)
                took, orders = time.monotonic() - begun, last - first
                spent = {name: read() - used[name] for name, read in parts.items()}
            if orders < self._count / 2:
                raise RuntimeError(f"of {self._count:,} orders, {first:,} were stored before the first look")
            self._check(table)
            after(table)
        return {"orders_per_s": orders / took, "us": {name: value / orders * 1e6 for name, value in spent.items()}}

    def _consumer(self, table: str, env: Mapping[str, str]) -> Process:
        """The consumer as `orderpipeline run` would start it, with the default number of orders in a batch."""
        program = plan(self._kafka.bootstrap, 0).consumer
        (dsn := self._kafka.folder / "dsn").write_text(self._server.dsn)
        own = {Env.TOPIC: self._topic, Env.GROUP: table, Env.PORT: str(free_ports(1)[0]), Env.LOG_LEVEL: "WARNING",
               Env.HANDLER: "", Env.SINK: "postgres", Env.SINK_DSN_FILE: str(dsn), Env.SINK_TABLE: table,
               Env.BATCH_SIZE: "100", **env}  # fmt: skip
        argv = [sys.executable, "-m", program.module]
        return Process(argv, {**program.environment, **own}, self._kafka.folder / f"{table}.log", CORES, ROOT)

    def _wait(self, connection: psycopg.Connection[Any], consumer: Process, table: str, least: int) -> int:
        """Wait until so many orders are stored; returns how many are."""
        end = time.monotonic() + SECONDS
        statement = f"SELECT COALESCE(sum(position), 0) FROM {table}_offsets".encode()
        while True:
            consumer.check_alive()
            if connection.execute("SELECT to_regclass(%s)", (f"{table}_offsets",)).fetchone() != (None,):
                row = connection.execute(statement).fetchone()
                if row is not None and row[0] >= least:
                    return int(row[0])
            if time.monotonic() > end:
                raise RuntimeError(f"{consumer.log.stem} did not store the orders within {SECONDS:.0f} s")
            time.sleep(0.01)

    @contextmanager
    def _table(self) -> Iterator[str]:
        """The name of a table that is not there yet. Each begins after a checkpoint."""
        self._tables += 1
        table = f"orders_{self._tables}"
        self._server.execute("CHECKPOINT")
        try:
            yield table
        finally:
            self._server.execute(f"DROP TABLE IF EXISTS {table}, {table}_offsets")

    def _export(self, table: str) -> None:
        self._server.execute(f"COPY (SELECT {self._columns} FROM {table} ORDER BY seq) TO '{self._rows}'")

    def _check(self, table: str) -> None:
        """MismatchError unless the table has all orders, and the same as the first table."""
        sums = "count(*), count(DISTINCT order_id), sum(amount), sum(quantity), sum(hashtext(raw::text)::bigint)"
        (found,) = self._server.query(f"SELECT {sums} FROM {table}")
        self._digest = self._digest or found
        if found[:2] != (self._count, self._count) or found != self._digest:
            raise MismatchError(f"{table}: {found[0]:,} orders of {self._count:,}, {found[1]:,} of them different")


@contextmanager
def _server() -> Iterator[Postgres]:
    """A durable server for this run."""
    folder = Path(tempfile.mkdtemp(prefix="orderpipeline-postgres-"))
    server: Postgres | None = None
    try:
        server = Postgres(folder, SETTINGS)
        server.start()
        for setting in ("fsync", "synchronous_commit"):
            if (found := server.query(f"SHOW {setting}")) != [("on",)]:
                raise RuntimeError(f"the server has {setting} = {found}")
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _all_cores(kafka: Kafka) -> Iterator[None]:
    """This process, what it starts, and the broker use all cores meanwhile."""
    os.sched_setaffinity(0, CORES)
    pin(kafka.pid, CORES)
    try:
        yield
    finally:
        os.sched_setaffinity(0, {LOAD_CORE})
        pin(kafka.pid, [LOAD_CORE])


def database_seconds(pid: int) -> float:
    """CPU so far of a server's main process and all its children, including those that have ended."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if path.parent.name == str(pid):
            ticks += sum(map(int, fields[11:15]))  # its own and those of ended children
        elif fields[1] == str(pid):
            ticks += sum(map(int, fields[11:13]))
    return ticks / TICK
