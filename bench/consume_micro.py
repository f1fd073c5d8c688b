"""The consumer's CPU per order, for one or more versions of it in the same run.

    python -m bench.consume_micro --engine new=. --engine old=../other-checkout --way on --way off --batch 100
    python -m bench.consume_micro --engine new=. --sink postgres --batch 1000 --orders 300000

A topic is filled with orders of about 120 bytes, as the order API writes them, and read to its end. The consumer has
core 0; broker and database have core 1. CPU is the user and system time of the consumer process with all its threads,
from the first observed commit to the last one; orders are counted by commits, which must end where the log ends. A
table goes to standard error, one JSON line to standard output.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from orderpipeline_common.contract import Env
from orderpipeline_embedded.ports import free_ports
from tests.support.broker import Broker, run
from tests.support.postgres import Postgres

CONSUMER_CORE, OTHER_CORE = 0, 1
TOPIC = "orders"
CUSTOMERS = 23_570
SECONDS = 200.0
TICK = os.sysconf("SC_CLK_TCK")
HANDLERS = {
    "nothing": "async def handle(orders):\n    pass\n",
    "sum": "total = 0.0\n\nasync def handle(orders):\n    global total\n    total += sum([o.amount for o in orders])\n",
}


def orders(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each order, with an order_id and a random customer."""
    chance = random.Random(1)
    for number in range(count):
        customer = f"{chance.randrange(CUSTOMERS):05d}"
        identity = uuid.UUID(int=chance.getrandbits(128))
        what = f'"product_id":"cd-{number % 97}","quantity":{1 + number % 5},"amount":{number % 90}.{number % 100:02d}'
        yield customer.encode(), f'{{"order_id":"{identity}","customer_id":"{customer}",{what}}}'.encode()


def fill(broker: Broker, count: int, partitions: int, compression: str) -> None:
    """Write the orders, with the header that the order API adds."""
    broker.create_topic(TOPIC, partitions)
    config = {"bootstrap.servers": broker.bootstrap, "linger.ms": 20, "compression.type": compression,
              "queue.buffering.max.messages": 200_000, "delivery.report.only.error": True}  # fmt: skip
    producer = Producer(config)
    header: list[tuple[str, str | bytes | None]] = [("content-type", b"application/json")]
    for key, value in orders(count):
        while True:
            try:
                producer.produce(TOPIC, value, key, headers=header)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(60):
        raise SystemExit("the topic could not be filled")


@contextmanager
def consumer(root: Path, env: dict[str, str], folder: Path) -> Iterator[int]:
    """The consumer from the checkout at `root`; its process id."""
    path = os.pathsep.join([*(str(root / "services" / part) for part in ("consumer", "common")), str(folder)])
    with (folder / "consumer.log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", str(CONSUMER_CORE), sys.executable, "-m", "orderpipeline_consumer"],
            env={**os.environ, "PYTHONPATH": path, **env}, cwd=folder, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def cpu(pid: int) -> float:
    """Seconds of CPU that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def peak_mib(pid: int) -> float:
    """The process's peak memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def measure(root: Path, broker: Broker, env: dict[str, str], folder: Path) -> dict[str, float]:
    """Measure one cell once."""
    group = uuid.uuid4().hex
    env = {Env.BOOTSTRAP_SERVERS: broker.bootstrap, Env.TOPIC: TOPIC, Env.GROUP: group, Env.LOG_LEVEL: "WARNING",
           Env.PORT: str(free_ports(1)[0]), **env}  # fmt: skip
    observer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group})
    places = [TopicPartition(TOPIC, number) for number in observer.list_topics(TOPIC, 10).topics[TOPIC].partitions]
    end = sum(observer.get_watermark_offsets(place, 10)[1] for place in places)

    def committed() -> int:
        return sum(max(0, place.offset) for place in observer.committed(places, timeout=30))

    deadline = time.monotonic() + SECONDS
    with consumer(root, env, folder) as pid:
        first = last = 0
        begun = used = 0.0
        while last < end:
            if time.monotonic() > deadline:
                raise SystemExit(f"{last} of {end} after {SECONDS} s: {(folder / 'consumer.log').read_text()[-2000:]}")
            time.sleep(0.02)
            last = committed()
            if not first and last:
                first, begun, used = last, time.monotonic(), cpu(pid)
        spent, took, count = cpu(pid) - used, time.monotonic() - begun, end - first
        found = {"us": spent * 1e6 / count, "orders_per_s": count / took, "orders": count, "peak_mib": peak_mib(pid)}
    observer.close()
    if last != end or first > end / 2:
        raise SystemExit(f"commits of {first} and {last} of {end} orders are too few to measure")
    return found


@contextmanager
def database(wanted: bool) -> Iterator[Postgres | None]:
    """A PostgreSQL for this run, if `wanted`."""
    if not wanted:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="orderpipeline-postgres-"))
    server = Postgres(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def sink(postgres: Postgres | None, handler: str, folder: Path) -> dict[str, str]:
    """The environment that selects the sink; each call uses a new table."""
    if postgres is None:
        (folder / "measured.py").write_text(HANDLERS[handler])
        return {Env.HANDLER: "measured:handle"}
    (folder / "dsn").write_text(postgres.dsn)
    table = f"orders_{uuid.uuid4().hex[:8]}"
    return {Env.SINK: "postgres", Env.SINK_DSN_FILE: str(folder / "dsn"), Env.SINK_TABLE: table}


def main() -> None:
    """Measure all cells of all engines, in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", action="append", required=True, metavar="NAME=CHECKOUT")
    ways = ["on", "librdkafka", "off"]
    parser.add_argument("--way", action="append", choices=ways, help="the accelerator, the same by librdkafka, or none")
    parser.add_argument("--batch", action="append", type=int, help="orders per batch; default: 100 and 10000")
    parser.add_argument("--sink", choices=[*HANDLERS, "postgres"], default="nothing")
    parser.add_argument("--orders", type=int, default=2_000_000)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--compression", default="snappy")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    os.sched_setaffinity(0, {OTHER_CORE})
    runs: dict[str, list[dict[str, float]]] = {}
    with contextmanager(run)() as broker:
        fill(broker, options.orders, options.partitions, options.compression)
        with database(options.sink == "postgres") as postgres, tempfile.TemporaryDirectory() as name:
            for _ in range(options.rounds):
                for engine, _, root in (each.partition("=") for each in options.engine):
                    for way in options.way or ["on", "off"]:
                        for batch in options.batch or [100, 10_000]:
                            env = sink(postgres, options.sink, Path(name))
                            env |= {Env.ACCELERATOR: way, Env.BATCH_SIZE: str(batch)}
                            found = measure(Path(root).resolve(), broker, env, Path(name))
                            runs.setdefault(f"{engine} accelerator={way} batch={batch}", []).append(found)
                            words = {key: round(value, 2) for key, value in found.items()}
                            print(engine, f"accelerator={way}", f"batch={batch}", words, file=sys.stderr)
    medians = {cell: round(statistics.median(one["us"] for one in many), 3) for cell, many in runs.items()}
    print(json.dumps({"sink": options.sink, "us_per_order": medians, "runs": runs}))


if __name__ == "__main__":
    main()
