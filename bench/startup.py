"""How long a server takes from nothing to its first good reply, and what memory it has then."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.kafka import Kafka
from bench.loading import started
from bench.procs import memory_mib
from bench.servers import Server
from bench.settings import Scale


def startup(
    kafka: Kafka, servers: Sequence[Server], scale: Scale, tell: Callable[[str], None]
) -> dict[str, list[dict[str, Any]]]:
    """By server: an entry for each round, `seconds` and `idle_mib`."""
    found: dict[str, list[dict[str, Any]]] = {server.name: [] for server in servers}
    for _ in range(scale.rounds):
        for server in servers:
            with started(kafka, server, "acked") as on:
                time.sleep(0.3)
                found[server.name].append({"seconds": on.ready, "idle_mib": memory_mib(on.process.pid, "VmRSS")})
    for name, runs in found.items():
        tell(f"{name}: {min(run['seconds'] for run in runs):.2f} s, {runs[0]['idle_mib']:.0f} MiB")
    return found
