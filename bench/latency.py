"""Latency of single orders with replies after Kafka's acknowledgement, at shares of each server's maximum rate."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from bench.kafka import Kafka
from bench.load import measure, running_server
from bench.servers import Server
from bench.settings import Scale

SHARES: Final = (0.5, 0.7, 0.9)
CONNECTIONS: Final = 512
LINGER_MS: Final = 5
"""The product's default, used for all servers."""


def latency(
    kafka: Kafka, servers: Sequence[Server], scale: Scale, report: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """By server: `max`, the orders/s of a closed loop, and by share (such as `50`) the latencies of an open loop."""
    found: dict[str, dict[str, Any]] = {}
    for server in servers:
        with running_server(kafka, server, "acked", linger_ms=LINGER_MS) as on:
            measure(kafka, on, "single", seconds=scale.warm, connections=CONNECTIONS)
            most = measure(kafka, on, "single", seconds=scale.cell, connections=CONNECTIONS)["orders_per_s"]
            rows: dict[str, Any] = {"max": most}
            for share in SHARES:
                rate = most * share
                run = measure(kafka, on, "single", seconds=scale.cell * 1.5, connections=CONNECTIONS, rate=rate)
                rows[f"{share * 100:.0f}"] = {
                    "rate": rate, "reached": run["orders_per_s"], "latency_ms": run["latency_ms"],
                    "late": run["orders_unsent"], "us": run["us"],
                }  # fmt: skip
                times = run["latency_ms"]
                report(
                    f"{server.name} at {rate:,.0f}/s: p50 {times['p50']} p99 {times['p99']} p99.9 {times['p99.9']} ms"
                )
        found[server.name] = rows
    return found
