"""Order API and consumers on all cores."""

import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from bench.kafka import Group, Kafka
from bench.processes import Process, running
from bench.servers import ROOT
from bench.settings import LOAD_CORE, SERVER_CORE
from bench.stacks import Stack, Start, Task
from orderpipeline_common.contract import METRICS_PATH, Metric
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
def running_pipeline(kafka: Kafka, stack: Stack, shape: Shape) -> Iterator[RunningPipeline]:
    """All processes of a stack, ready."""
    port, *ports = free_ports(1 + shape.consumers)
    with ExitStack() as exits:
        topic = exits.enter_context(kafka.topic(shape.partitions))
        task = Task(kafka.bootstrap, topic, f"{topic}-readers", shape.linger_ms, reuse_port=shape.producers > 1)
        group = exits.enter_context(kafka.group(task.group, topic))

        def start(name: str, what: Start, at: int) -> Process:
            log = kafka.folder / f"{topic}-{name}.log"
            ready = f"http://{HOST}:{at}{what.ready}"
            return exits.enter_context(running(Process(what.argv, what.env, log, CORES, ROOT), ready))

        producers = [start(f"producer-{number}", stack.producer(task, port), port) for number in range(shape.producers)]
        consumers = [start(f"consumer-{own}", stack.consumer(task, own), own) for own in ports]
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
