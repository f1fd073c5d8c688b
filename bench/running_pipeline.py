"""Order API and consumers on all cores, started as `orderpipeline run` would start them."""

import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from bench.kafka import Group, Kafka
from bench.processes import Process, running
from bench.servers import ROOT, plan
from bench.settings import LOAD_CORE, SERVER_CORE
from orderpipeline_common.contract import METRICS_PATH, READY_PATH, Env, Metric
from orderpipeline_embedded.ports import HOST, free_ports

CORES: Final = (SERVER_CORE, LOAD_CORE)


@dataclass(frozen=True)
class Shape:
    """How many of each part, and how the order API sends. A longer linger makes larger batches, which cost the broker
    less, but needs more requests in flight."""

    connections: int
    linger_ms: int
    producers: int = 1
    consumers: int = 1
    partitions: int = 12


SHAPES: Final = (Shape(32, 10), Shape(64, 20), Shape(64, 50), Shape(96, 50))
"""Which one is best depends on the machine."""


@dataclass
class RunningPipeline:
    """The running processes and their topic."""

    topic: str
    port: int
    producers: list[Process]
    consumers: list[Process]
    metrics: list[str]
    group: Group


@contextmanager
def running_pipeline(kafka: Kafka, env: Mapping[str, str], shape: Shape) -> Iterator[RunningPipeline]:
    """All processes, ready. `env` is added to the services' environment."""
    port, *ports = free_ports(1 + shape.consumers)
    program = plan(kafka.bootstrap, port, linger_ms=shape.linger_ms)
    with ExitStack() as stack:
        topic = stack.enter_context(kafka.topic(shape.partitions))
        common = {Env.TOPIC: topic, Env.LOG_LEVEL: "WARNING", **env}
        group = stack.enter_context(kafka.group(f"{topic}-readers", topic))
        shared = {Env.REUSE_PORT: "1" if shape.producers > 1 else "0"}

        def start(name: str, module: str, own: Mapping[str, str], ready: str) -> Process:
            log = kafka.folder / f"{topic}-{name}.log"
            return stack.enter_context(running(Process([sys.executable, "-m", module], own, log, CORES, ROOT), ready))

        producers = [
            start(f"producer-{number}", program.producer.module, {**program.producer.environment, **shared, **common},
                  f"http://{HOST}:{port}{READY_PATH}")
            for number in range(shape.producers)
        ]  # fmt: skip
        consumers = [
            start(f"consumer-{own}", program.consumer.module,
                  {**program.consumer.environment, **common, Env.GROUP: f"{topic}-readers", Env.PORT: str(own)},
                  f"http://{HOST}:{own}{READY_PATH}")
            for own in ports
        ]  # fmt: skip
        metrics = [f"http://{HOST}:{own}{METRICS_PATH}" for own in ports]
        yield RunningPipeline(topic, port, producers, consumers, metrics, group)


def handled_orders(parts: RunningPipeline) -> int:
    """Orders that the consumers' handlers have handled."""
    total = 0.0
    for url in parts.metrics:
        with urllib.request.urlopen(url, timeout=10) as reply:
            text = reply.read().decode()
        total += sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.startswith(f"{Metric.ORDERS_HANDLED}_total")
        )
    return int(total)
