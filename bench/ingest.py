"""Each server's CPU per order: single or in batches, replying at once or after Kafka's acknowledgement."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from bench.kafka import Kafka
from bench.load import measure, running_server
from bench.servers import Server
from bench.settings import Scale

CELLS: Final = ("single_accepted", "single_acked", "batch_accepted", "batch_acked")
Runs = dict[str, dict[str, list[dict[str, Any]]]]
"""By server and cell: an entry per round."""


def ingest(kafka: Kafka, servers: Sequence[Server], scale: Scale, report: Callable[[str], None]) -> Runs:
    """All cells in turns, so that disturbances of the machine affect all alike; NDJSON in the last round only."""
    runs: Runs = {server.name: {} for server in servers}
    for number in range(scale.rounds):
        participants = [server for server in servers if not (server.once and number)]
        for durability in ("accepted", "acked"):
            for server in participants:
                modes = ["single", "batch"]
                if durability == "acked" and number == scale.rounds - 1 and not server.once:
                    modes.append("ndjson")
                with running_server(kafka, server, durability) as on:
                    for mode in modes:
                        measure(kafka, on, mode, seconds=scale.warm)
                        found = measure(kafka, on, mode, seconds=scale.cell)
                        found["peak_mib"] = on.process.peak_mib()
                        runs[server.name].setdefault(f"{mode}_{durability}", []).append(found)
                        report(f"{number + 1} {server.name} {mode} {durability}: {line(found)}")
    return runs


def line(found: dict[str, Any]) -> str:
    """A measurement as one line."""
    words = f"{found['us']:.2f} µs/order, {found['orders_per_s']:,.0f} orders/s, {found['peak_mib']:.0f} MiB"
    words += f", {found['switches']:.3f} context switches/order"
    refused = found.get("orders_refused", 0) + found.get("orders_unknown", 0)
    return words + (f", {refused:,} refused" if refused else "")
