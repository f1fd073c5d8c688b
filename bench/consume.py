"""A consumer's CPU per order: a full topic is read to its end by a handler that does nothing, with commits."""

import sys
import time
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import Producer

from bench import peers
from bench.kafka import LOG, Kafka
from bench.processes import Process, running
from bench.sample_orders import sample_orders, write_orders
from bench.servers import ROOT, plan, variants
from bench.settings import PARTITIONS, SERVER_CORE, Scale
from orderpipeline_common.contract import Env
from orderpipeline_embedded.ports import free_ports

PEER: Final = "gocons"
PEER_TITLE: Final = "franz-go + encoding/json"
SECONDS: Final = 120.0


def fill_topic(bootstrap: str, topic: str, count: int) -> None:
    """Write `count` orders."""
    config = {"bootstrap.servers": bootstrap, "acks": 1, "linger.ms": 20, "compression.type": "snappy",
              "queue.buffering.max.messages": 1_000_000, "delivery.report.only.error": True}  # fmt: skip
    write_orders(Producer(config, logger=LOG), topic, sample_orders(), count)


def consume(kafka: Kafka, scale: Scale, report: Callable[[str], None]) -> dict[str, list[dict[str, Any]]]:
    """By consumer: an entry per round, with `us` and `orders_per_s`."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in (*variants(), PEER)}
    with kafka.topic(PARTITIONS) as topic:
        fill_topic(kafka.bootstrap, topic, scale.consumed)
        for number in range(scale.rounds):
            for name in runs:
                found = _read(kafka, topic, name, f"{name}-{number}", scale.consumed)
                runs[name].append(found)
                words = (
                    f"{found['us']:.2f} µs/order, {found['orders_per_s']:,.0f} orders/s, {found['peak_mib']:.0f} MiB"
                )
                report(f"{number + 1} {name} consumes: {words}")
    return runs


def _read(kafka: Kafka, topic: str, name: str, group: str, count: int) -> dict[str, Any]:
    """Measure from the first observed commit to the last one; the start-up before is measured separately."""
    process = Process(*_command(kafka, topic, name, group), kafka.folder / f"{name}.log", [SERVER_CORE], ROOT)
    with running(process), kafka.group(group, topic) as commits:
        end = time.monotonic() + SECONDS
        while not (first := commits.committed()):
            _wait(process, end)
        begun, used = time.monotonic(), process.cpu()
        while (last := commits.committed() or first) < count:
            _wait(process, end)
        took, spent = time.monotonic() - begun, process.cpu() - used
        if last != count or first > count / 2:
            raise RuntimeError(f"{name}: commits of {first:,} and {last:,} of {count:,} orders are too few to measure")
        orders = last - first
        peak = process.peak_mib()
    return {"us": spent / orders * 1e6, "orders_per_s": orders / took, "orders": orders, "peak_mib": peak}


def _command(kafka: Kafka, topic: str, name: str, group: str) -> tuple[list[str], dict[str, str]]:
    if name == PEER:
        return [str(peers.binary(PEER))], {"BROKERS": kafka.bootstrap, "TOPIC": topic, "GROUP": group}
    program = plan(kafka.bootstrap, 0).consumer
    port = str(free_ports(1)[0])
    own = {Env.TOPIC: topic, Env.GROUP: group, Env.PORT: port, Env.LOG_LEVEL: "WARNING"}
    return [sys.executable, "-m", program.module], {**program.environment, **own, **variants()[name]}


def _wait(process: Process, end: float) -> None:
    process.check_alive()
    if time.monotonic() > end:
        raise RuntimeError(f"{process.log.stem} did not commit within {SECONDS:.0f} s")
    time.sleep(0.02)
