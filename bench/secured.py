"""CPU per order of the servers as they are deployed: TLS, SCRAM-SHA-512, three brokers with a copy each, replies after
all of them have the order. Beside them ours over plain connections, so that both differences are seen."""

import re
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench.access import Access
from bench.ingest import Runs, line
from bench.kafka import Kafka
from bench.load import RunningServer, measure, running_server
from bench.secured_kafka import secured_kafka
from bench.servers import Server, accelerated
from bench.settings import Scale
from bench.turns import in_turn
from orderpipeline_common.contract import METRICS_PATH, Metric
from orderpipeline_common.engine import ACCELERATOR
from orderpipeline_embedded.ports import HOST

CELLS: Final = ("single_acked", "batch_acked")
PLAIN: Final = "ours-plain"
PLAIN_THREE: Final = "ours-plain-three"
PLAIN_TITLES: Final = {
    PLAIN: "OrderPipeline, plain, one broker",
    PLAIN_THREE: "OrderPipeline, plain, three brokers",
}
WARM_ROUNDS: Final = 5
"""New brokers compile for a while: so many times the usual warm-up."""


@dataclass(frozen=True)
class Way:
    """A server and how it reaches Kafka; `name` is that of its row."""

    name: str
    server: Server
    kafka: Kafka
    access: Access | None


def secured(plain: Kafka, servers: Sequence[Server], scale: Scale, report: Callable[[str], None]) -> Runs:
    """By row and cell: an entry per round. `plain` is one broker without TLS; ours is the first of `servers`."""
    with secured_kafka() as three:
        ours = servers[0]
        ways = [Way(PLAIN, ours, plain, None), Way(PLAIN_THREE, ours, three, None)]
        ways += [Way(server.name, server, three, three.access) for server in servers]
        with running_server(three, ours, "acked", access=three.access) as on:
            measure(three, on, "batch", seconds=WARM_ROUNDS * scale.warm)
        runs: Runs = {way.name: {} for way in ways}
        for number, way in turns(ways, scale.rounds):
            with running_server(way.kafka, way.server, "acked", access=way.access) as on:
                if way.server is ours and accelerated():
                    check_own_client(_metrics(on), way.name)
                for mode in ("single", "batch"):
                    measure(way.kafka, on, mode, seconds=scale.warm)
                    found = measure(way.kafka, on, mode, seconds=scale.cell)
                    found["peak_mib"] = on.process.peak_mib()
                    runs[way.name].setdefault(f"{mode}_acked", []).append(found)
                    report(f"{number + 1} {way.name} {mode} acked{' by TLS' if way.access else ''}: {line(found)}")
    return runs


def turns(ways: Sequence[Way], rounds: int) -> Iterator[tuple[int, Way]]:
    """The round and what to measure."""
    for number in range(rounds):
        for way in in_turn(ways, number):
            yield number, way


def check_own_client(metrics: str, name: str) -> None:
    """RuntimeError unless a service's /metrics says that the accelerator's own client speaks to Kafka."""
    found = re.search(rf'^{Metric.BUILD_INFO}{{[^}}]*\bkafka_client="([^"]*)"', metrics, re.MULTILINE)
    if found is None or found[1] != ACCELERATOR:
        raise RuntimeError(f"{name}: {found[1] if found else 'an unknown client'} sends the orders, not our own client")


def _metrics(on: RunningServer) -> str:
    with urllib.request.urlopen(f"http://{HOST}:{on.port}{METRICS_PATH}", timeout=10) as reply:
        return str(reply.read().decode())
