"""Runs `orderpipeline load` against a server and measures the server's CPU."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from bench.access import Access
from bench.check import check_log
from bench.kafka import Kafka
from bench.processes import Process, running, until_ready
from bench.servers import ROOT, Job, Server
from bench.settings import BATCH, CONNECTIONS, PARTITIONS, SERVER_CORE
from orderpipeline_embedded.ports import HOST, free_ports


@dataclass(frozen=True)
class RunningServer:
    """A server that is ready, with the topic it writes to. `ready` is the seconds in which it became so."""

    server: Server
    process: Process
    port: int
    topic: str
    ready: float


@contextmanager
def running_server(
    kafka: Kafka,
    server: Server,
    durability: str,
    partitions: int = PARTITIONS,
    linger_ms: int = 10,
    access: Access | None = None,
) -> Iterator[RunningServer]:
    """A server on its core, with its own topic. A peer waits for all copies of an order if there are several."""
    port = free_ports(1)[0]
    limit = {"retention.bytes": str(4_000_000_000 // partitions // kafka.copies)}
    with kafka.topic(partitions, limit) as topic:
        acks: Literal["1", "all"] = "1" if kafka.copies == 1 else "all"
        argv, env = server.start(Job(kafka.bootstrap, topic, port, durability, linger_ms, acks, access))
        log = kafka.folder / f"{server.name}-{durability}.log"
        process = Process(argv, env, log, [SERVER_CORE], ROOT)
        with running(process):
            took = until_ready(process, f"{here(port)}{server.ready_path}")
            yield RunningServer(server, process, port, topic, took)


def command(url: str, mode: str, options: Mapping[str, float], headers: Sequence[str] = ()) -> list[str]:
    """The command line of a load. `headers` are whole lines."""
    words = [f"--mode={mode}", *(f"--{name}={value}" for name, value in options.items())]
    words += [f"--header={line}" for line in headers]
    return [sys.executable, "-m", "orderpipeline_cli", "load", url, "--json", "--quiet", *words]


def here(port: int) -> str:
    """The URL of a server on this machine."""
    return f"http://{HOST}:{port}"


def summary(out: str, words: str) -> dict[str, Any]:
    """The summary that a load printed. RuntimeError with its message, `words`, if it could not run."""
    if not out:
        raise RuntimeError(f"orderpipeline load: {words.strip()}")
    found: dict[str, Any] = json.loads(out)
    return found


def load(port: int, mode: str, **options: float) -> dict[str, Any]:
    """The summary of one run of `orderpipeline load`. RuntimeError with its message if it could not run."""
    options = {"batch": BATCH, "connections": CONNECTIONS[mode], **options}
    words = command(here(port), mode, options)
    done = subprocess.run(words, text=True, capture_output=True, check=False, timeout=300)
    return summary(done.stdout, done.stderr)


def measure(kafka: Kafka, on: RunningServer, mode: str, **options: float) -> dict[str, Any]:
    """One load, checked against the log; `us` is the server's CPU per accepted order until all of it is in the log.

    `switches` are the server's context switches per order: noise on the machine hardly changes them, but a thread that
    is woken in vain does.
    """
    before, used, switched = kafka.end(on.topic), on.process.cpu(), on.process.switches()
    found = load(on.port, mode, **options)
    grown = kafka.settled(on.topic, before + found["orders_accepted"]) - before
    spent = on.process.cpu() - used
    switches = (on.process.switches() - switched) / max(found["orders_accepted"], 1)
    on.process.check_alive()
    check_log(f"{on.server.title}, {mode}", found, grown)
    return {**found, "us": spent / max(found["orders_accepted"], 1) * 1e6, "server_cpu_s": spent,
            "switches": switches}  # fmt: skip
