"""How long a server takes from its start to its first 200, and its memory then."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.kafka import Kafka
from bench.load import running_server
from bench.processes import memory_mib
from bench.servers import Server
from bench.settings import Scale


def startup(
    kafka: Kafka, servers: Sequence[Server], scale: Scale, report: Callable[[str], None]
) -> dict[str, list[dict[str, Any]]]:
    """By server: an entry per round, with `seconds` and `idle_mib`."""
    found: dict[str, list[dict[str, Any]]] = {server.name: [] for server in servers}
    for _ in range(scale.rounds):
        for server in servers:
            with running_server(kafka, server, "acked") as on:
                time.sleep(0.3)
                found[server.name].append({"seconds": on.ready, "idle_mib": memory_mib(on.process.pid, "VmRSS")})
    for name, runs in found.items():
        report(f"{name}: {min(run['seconds'] for run in runs):.2f} s, {runs[0]['idle_mib']:.0f} MiB")
    return found
