"""The order API's CPU per order, in four cells, for one or more versions of it in the same run.

    python -m bench.ingest_micro --engine new=. --engine old=../other-checkout --seconds 3 --rounds 2
    python -m bench.ingest_micro --engine native=. --engine python=.,off
    python -m bench.ingest_micro --engine plain=. --engine tls=.,auto,tls

The value after a comma is ORDERPIPELINE_ACCELERATOR for that engine; `tls` after another is TLS with SCRAM.

The server has core 0; the load generator (wrk) and the broker have core 1. CPU is the user and system time of the
server process with all its threads, from before the load until nothing is in flight; the server counts the orders, and
a cell whose count differs from the growth of the topic's end offsets fails the run. A table goes to standard error, one
JSON line to standard output.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from orderpipeline_common.contract import Env
from orderpipeline_embedded.ports import free_ports
from tests.support.broker import Broker, run

SERVER_CORE, LOAD_CORE = 0, 1
BATCH = 1000
PARTITIONS = 12
TICK = os.sysconf("SC_CLK_TCK")
CELLS = (
    ("single_accepted", "accepted"),
    ("single_acked", "acked"),
    ("batch_accepted", "accepted"),
    ("batch_acked", "acked"),
)


def order(number: int) -> dict[str, object]:
    """An order of about 100 bytes without an order_id, as the peers get it."""
    return {"customer_id": f"customer-{number % 500:06d}", "product_id": f"product-{number % 97:04d}",
            "quantity": 1 + number % 5, "amount": 19.99 + number}  # fmt: skip


def wrk_script(path: Path, batch: bool) -> Path:
    """wrk's script for one cell."""
    body = json.dumps([order(i) for i in range(BATCH)] if batch else order(7))
    path.write_text(
        f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [==[{body}]==]\n'
    )
    return path


@contextmanager
def server(engine: str, broker: Broker, topic: str, durability: str, folder: Path) -> Iterator[tuple[int, int]]:
    """The order API from the engine's checkout; its port and process id."""
    port = free_ports(1)[0]
    folder_of, accelerator, tls = [*engine.split(","), "", ""][:3]
    root = Path(folder_of).resolve()
    path = os.pathsep.join(str(root / "services" / part) for part in ("producer", "common"))
    env = {**os.environ, "PYTHONPATH": path, Env.BOOTSTRAP_SERVERS: broker.bootstrap, Env.TOPIC: topic,
           Env.PORT: str(port), Env.DURABILITY: durability, Env.LOG_LEVEL: "WARNING",
           Env.ACCELERATOR: accelerator or "auto"}  # fmt: skip
    if tls:
        password = folder / "password"
        password.write_text(broker.password)
        env |= {Env.BOOTSTRAP_SERVERS: broker.sasl_bootstrap, Env.SECURITY_PROTOCOL: "SASL_SSL",
                Env.SASL_MECHANISM: "SCRAM-SHA-512", Env.SASL_USERNAME: broker.username,
                Env.SASL_PASSWORD_FILE: str(password), Env.CA_FILE: str(broker.ca_pem)}  # fmt: skip
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "orderpipeline_producer"], env=env, cwd=folder,
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise SystemExit(
                f"the server in {root} does not become ready: {(folder / f'{port}.log').read_text()[-2000:]}"
            )
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def counters(port: int) -> dict[str, float]:
    """The server's own counters."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    rows = (
        line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(("orderpipeline_", "process_resident"))
    )
    return {name: float(value) for name, value in rows}


def cpu(pid: int) -> float:
    """Seconds of CPU that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def ends(broker: Broker, topic: str) -> int:
    """All records ever written to the topic."""
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "bench"})
    try:
        return sum(reader.get_watermark_offsets(TopicPartition(topic, p), 10)[1] for p in range(PARTITIONS))
    finally:
        reader.close()


def measure(engine: str, broker: Broker, durability: str, script: Path, batch: bool, seconds: int) -> dict[str, float]:
    """Measure one cell once."""
    topic = broker.create_topic(f"bench-{time.monotonic_ns()}", PARTITIONS, {"retention.bytes": "200000000"})
    connections = 8 if batch else 64
    with server(engine, broker, topic, durability, script.parent) as (port, pid):
        url = f"http://127.0.0.1:{port}" + ("/orders/batch" if batch else "/order")
        load = ["wrk", "-t1", f"-c{connections}", "-s", str(script), url]
        subprocess.run([*load, "-d1s"], check=True, capture_output=True)
        wait_until_idle(port)
        before, used, begun = counters(port), cpu(pid), time.monotonic()
        report = subprocess.run([*load, f"-d{seconds}s"], check=True, capture_output=True, text=True).stdout
        took = time.monotonic() - begun
        after = wait_until_idle(port)
        orders = after["orderpipeline_orders_acked_total"] - before["orderpipeline_orders_acked_total"]
        spent = cpu(pid) - used
        if (written := ends(broker, topic)) != after["orderpipeline_orders_acked_total"]:
            raise SystemExit(f"{engine}: {after['orderpipeline_orders_acked_total']:.0f} acked, {written} in the log")
    refused = [line.strip() for line in report.splitlines() if "Non-2xx" in line]
    return {"us": spent / orders * 1e6, "orders_per_s": orders / took,
            "rss_mib": after["process_resident_memory_bytes"] / 2**20,
        "refused": float(refused[0].split()[-1]) if refused else 0.0}  # fmt: skip


def wait_until_idle(port: int) -> dict[str, float]:
    """Wait until nothing is in flight; returns the counters."""
    for _ in range(600):
        found = counters(port)
        if not found["orderpipeline_in_flight_bytes"]:
            return found
        time.sleep(0.1)
    raise SystemExit("orders stay in flight; is the broker alive?")


def main() -> None:
    """Measure all cells of all engines, in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", action="append", required=True, metavar="NAME=CHECKOUT")
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cell", action="append", choices=[name for name, _ in CELLS])
    options = parser.parse_args()
    engines = {name: root for name, _, root in (each.partition("=") for each in options.engine)}
    os.sched_setaffinity(0, {LOAD_CORE})
    results: dict[str, dict[str, list[dict[str, float]]]] = {name: {} for name in engines}
    brokers: Any = run()
    broker = next(brokers)
    try:
        with tempfile.TemporaryDirectory() as folder:
            scripts = {batch: wrk_script(Path(folder) / f"{batch}.lua", batch) for batch in (False, True)}
            for _ in range(options.rounds):
                for cell, durability in CELLS:
                    if options.cell and cell not in options.cell:
                        continue
                    for name, root in engines.items():
                        batch = cell.startswith("batch")
                        found = measure(root, broker, durability, scripts[batch], batch, options.seconds)
                        results[name].setdefault(cell, []).append(found)
                        print(name, cell, {key: round(value, 2) for key, value in found.items()}, file=sys.stderr)
    finally:
        brokers.close()
    medians = {
        name: {cell: round(statistics.median(run["us"] for run in runs), 2) for cell, runs in cells.items()}
        for name, cells in results.items()
    }
    print(json.dumps({"us_per_order": medians, "runs": results}))


if __name__ == "__main__":
    main()
