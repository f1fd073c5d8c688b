"""Lower bounds on an order's cost: its parts alone, on the server's core."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from bench.check import MismatchError
from bench.kafka import Kafka
from bench.load import load
from bench.processes import Process, running
from bench.servers import ROOT
from bench.settings import PARTITIONS, SERVER_CORE, Scale
from orderpipeline_embedded.ports import free_ports


def limits(kafka: Kafka, scale: Scale, report: Callable[[str], None]) -> dict[str, float]:
    """µs of CPU per order: an empty HTTP reply, msgspec alone, librdkafka alone."""
    found = {"http": _http(kafka, scale), "msgspec": float(_program("msgspec", str(scale.cell)))}
    count = scale.consumed // 3
    with kafka.topic(PARTITIONS) as topic:
        found["rdkafka"] = float(_program("rdkafka", kafka.bootstrap, topic, str(count)))
        if (grown := kafka.settled(topic, count)) != count:
            raise MismatchError(f"librdkafka alone: {count:,} orders written, {grown:,} in the log")
    report(", ".join(f"{name} {us:.2f} µs/order" for name, us in found.items()))
    return found


def _http(kafka: Kafka, scale: Scale) -> float:
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "bench.floor", "http", str(port)]
    with running(Process(command, {}, kafka.folder / "floor.log", [SERVER_CORE], ROOT)) as process:
        for _ in range(50):  # until it listens
            process.check_alive()
            with suppress(RuntimeError):
                load(port, "single", seconds=scale.warm)
                break
        used = process.cpu()
        run = load(port, "single", seconds=scale.cell)
        return (process.cpu() - used) / int(run["orders_accepted"]) * 1e6


def _program(*words: str) -> str:
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "bench.floor", *words]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"bench.floor {words[0]}: {done.stderr[-1000:]}")
    return done.stdout.strip()
