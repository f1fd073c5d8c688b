"""Load, order API, broker and consumers together on all cores, counted at the consumers' commits."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Final

from bench.ages import OffsetReading, ages, quantile
from bench.check import check_committed, check_log
from bench.kafka import Kafka
from bench.load import command, here, summary
from bench.processes import Process, busy_seconds, cpu_seconds, memory_mib, pin
from bench.running_pipeline import CORES, SHAPES, RunningPipeline, Shape, handled_orders, running_pipeline
from bench.settings import LOAD_CORE, Scale
from bench.stacks import Stack

READING_SECONDS: Final = 0.05
DRAIN_SECONDS: Final = 60.0

Run = dict[str, Any]
"""The figures of a run."""


def end_to_end(
    kafka: Kafka, stack: Stack, scale: Scale, report: Callable[[str], None], shapes: Sequence[Shape] = SHAPES
) -> Run:
    """Try each shape briefly, then measure the best one.

    MismatchError if an accepted order is not in the log or was not consumed.
    """
    with _on_all_cores(kafka):
        tried = _try(kafka, stack, scale, report, shapes)
        found = _run(kafka, stack, _best(tried, shapes), scale, scale.end_to_end)
    found["tried"] = [{"shape": vars(shape), "orders_per_s": rate} for shape, rate in tried.items()]
    report(_line(found))
    return found


def end_to_end_in_turns(
    kafka: Kafka, ours: Stack, peer: Stack, scale: Scale, report: Callable[[str], None],
    shapes: Sequence[Shape] = SHAPES,
) -> Run:  # fmt: skip
    """The peer's last run, and `turns`: the orders/s of both by name, in turns, each in the shape that is best for it.

    MismatchError if an accepted order is not in the log or was not consumed.
    """
    runs: dict[str, list[Run]] = {ours.name: [], peer.name: []}
    with _on_all_cores(kafka):
        shape = {stack.name: _best(_try(kafka, stack, scale, report, shapes), shapes) for stack in (ours, peer)}
        for stack in (ours, peer, peer, ours):
            runs[stack.name].append(_run(kafka, stack, shape[stack.name], scale, scale.turn))
            report(f"{stack.name}: {_line(runs[stack.name][-1])}")
    turns = {name: [run["orders_per_s"] for run in each] for name, each in runs.items()}
    return {**runs[peer.name][-1], "turns": turns}


@contextmanager
def _on_all_cores(kafka: Kafka) -> Iterator[None]:
    pin(kafka.pid, CORES)
    try:
        yield
    finally:
        pin(kafka.pid, [LOAD_CORE])


def _try(
    kafka: Kafka, stack: Stack, scale: Scale, report: Callable[[str], None], shapes: Sequence[Shape]
) -> dict[Shape, float]:
    """The orders/s of a short run in each shape; empty if there is no choice."""
    tried = {}
    for shape in shapes if shapes[1:] else ():
        tried[shape] = rate = _run(kafka, stack, shape, scale, 2 * scale.warm)["orders_per_s"]
        report(f"{stack.name}, {shape.connections} connections, linger {shape.linger_ms} ms: {rate:,.0f} orders/s")
    return tried


def _best(tried: Mapping[Shape, float], shapes: Sequence[Shape]) -> Shape:
    return max(tried, key=lambda shape: tried[shape], default=shapes[0])


def _line(found: Run) -> str:
    cost = ", ".join(f"{part} {us:.2f}" for part, us in found["us"].items())
    return f"{found['orders_per_s']:,.0f} orders/s, {found['lost']} lost, p99 age {found['p99_age_ms']} ms; µs: {cost}"


def _run(kafka: Kafka, stack: Stack, shape: Shape, scale: Scale, seconds: float) -> Run:
    with running_pipeline(kafka, stack, shape) as parts:
        _watch(kafka, parts, shape, 2 * scale.warm)
        return _watch(kafka, parts, shape, seconds)


def _watch(kafka: Kafka, parts: RunningPipeline, shape: Shape, seconds: float) -> Run:
    """Run one load and read offsets until all of it is committed."""
    processes = {"producer": parts.producers, "consumer": parts.consumers}
    handled, end = handled_orders(parts), sum(kafka.ends(parts.topic))
    used, broker, busy = {name: _cpu(each) for name, each in processes.items()}, cpu_seconds(kafka.pid), busy_seconds()
    own = time.process_time()
    readings, memory = [_read_offsets(kafka, parts)], dict[str, list[float]](producer=[], consumer=[])
    begun = time.monotonic()
    options = {"batch": 1000, "connections": shape.connections, "seconds": seconds}
    pinned = ["taskset", "-c", ",".join(map(str, CORES)), *command(here(parts.port), "batch", options)]
    load = subprocess.Popen(pinned, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while load.poll() is None or (
            readings[-1].committed != readings[-1].ends and time.monotonic() < begun + seconds + DRAIN_SECONDS
        ):
            time.sleep(READING_SECONDS)
            readings.append(_read_offsets(kafka, parts))
            for name, each in processes.items():
                memory[name].append(max(memory_mib(process.pid, "VmRSS") for process in each))
    finally:
        load.kill()
    done = summary(*load.communicate())
    took = _last_commit(readings) - begun
    accepted = done["orders_accepted"]
    spent = {
        "load": done["cpu_us_per_order"] * done["orders_sent"] / 1e6,
        "producer": _cpu(parts.producers) - used["producer"],
        "broker": cpu_seconds(kafka.pid) - broker,
        "consumer": _cpu(parts.consumers) - used["consumer"],
        "measuring": time.process_time() - own,
    }
    spent["rest of the machine"] = max(busy_seconds() - busy - sum(spent.values()), 0.0)
    check_log("end to end, the log", done, sum(kafka.ends(parts.topic)) - end)
    committed = sum(readings[-1].committed) - sum(readings[0].committed)
    reached = min(committed, handled_orders(parts) - handled)
    check_committed("end to end", accepted, reached)
    weighed = ages(readings)
    return {
        "orders_per_s": accepted / took, "seconds": seconds, "until_committed_s": took, "acked": True,
        "accepted": accepted, "refused": done["orders_refused"], "lost": max(accepted - reached, 0),
        "p50_age_ms": _milliseconds(quantile(weighed, 0.5)), "p99_age_ms": _milliseconds(quantile(weighed, 0.99)),
        "request_ms": done["latency_ms"], "us": {name: value / accepted * 1e6 for name, value in spent.items()},
        "cores_busy": (busy_seconds() - busy) / (time.monotonic() - begun), "shape": vars(shape),
        "peak_mib": {name: max(process.peak_mib() for process in each) for name, each in processes.items()},
        "rss_mib": {name: _thin(values) for name, values in memory.items()},
        "per_second": _rates(readings, begun),
    }  # fmt: skip


def _read_offsets(kafka: Kafka, parts: RunningPipeline) -> OffsetReading:
    for process in (*parts.producers, *parts.consumers):
        process.check_alive()
    ends_at, ends = time.monotonic(), kafka.ends(parts.topic)
    return OffsetReading(ends_at, ends, time.monotonic(), parts.group.offsets() or (0,) * len(ends))


def _last_commit(readings: Sequence[OffsetReading]) -> float:
    """When the last commits were first observed."""
    return next(reading.committed_at for reading in readings if reading.committed == readings[-1].committed)


def _rates(readings: Sequence[OffsetReading], begun: float) -> list[dict[str, float]]:
    """Orders per second into the log and out of it, about once per second."""
    chosen = readings[:1]
    for reading in readings[1:]:
        if reading.ends_at - chosen[-1].ends_at >= 1.0:
            chosen = [*chosen, reading]
    return [
        {"at": b.ends_at - begun, "in": (sum(b.ends) - sum(a.ends)) / (b.ends_at - a.ends_at),
         "out": (sum(b.committed) - sum(a.committed)) / (b.committed_at - a.committed_at)}
        for a, b in pairwise(chosen)
    ]  # fmt: skip


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _thin(values: Sequence[float], most: int = 60) -> list[float]:
    return [round(value, 1) for value in values[:: len(values) // most + 1]]


def _cpu(processes: Sequence[Process]) -> float:
    return sum(process.cpu() for process in processes)
