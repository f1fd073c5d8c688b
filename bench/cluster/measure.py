"""One measurement: a load on a target, counted once all of its orders are committed, with the CPU of every part."""

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.check import MismatchError, check_committed, check_log
from bench.cluster.settings import BATCH
from bench.cluster.targets import Target
from bench.cluster.world import Offsets, Parts, World
from bench.load import command as load_command
from bench.load import summary
from bench.processes import busy_seconds

READING_SECONDS: Final = 0.05
"""Between two readings of the offsets once the load has ended."""
MEMORY_SECONDS: Final = 1.0
DRAIN_SECONDS: Final = 180.0
LEAST_SECONDS: Final = 60.0
"""What a load may take beyond its time, before it is ended."""


@dataclass(frozen=True)
class Load:
    """How `orderpipeline load` sends. `rate` is in orders/s; None: as fast as replies arrive."""

    mode: str
    connections: int
    seconds: float
    rate: float | None = None


def command(target: Target, door: str, load: Load) -> list[str]:
    """The command line of a load through a door."""
    url, headers = target.address(door)
    options = {"connections": load.connections, "seconds": load.seconds, "batch": BATCH}
    return load_command(url, load.mode, options | ({"rate": load.rate} if load.rate else {}), headers)


def measure(world: World, target: Target, door: str, load: Load) -> dict[str, Any]:
    """The figures of one load. MismatchError if an accepted order is not in the log or was not consumed; RuntimeError
    if a pod was replaced or restarted meanwhile, or the load could not run."""
    before = _drained(world, target)
    parts = world.parts(target)
    used, busy, begun = parts.cpu(), busy_seconds(), time.monotonic()
    with subprocess.Popen(
        command(target, door, load), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as sending:
        try:
            memory = _watch_memory(sending, parts, begun + load.seconds + LEAST_SECONDS)
        finally:
            sending.kill()
        ended, done = time.monotonic(), summary(*sending.communicate())
    after = _drained(world, target)
    took = done["seconds"] + time.monotonic() - ended
    spent = {part: seconds - used[part] for part, seconds in parts.cpu().items()}
    busy = busy_seconds() - busy
    if world.parts(target).pods != parts.pods:
        raise RuntimeError(f"{target.name}: a pod was replaced or has restarted during the measurement")
    check_log(f"{target.name} through the {door}", done, sum(after.ends) - sum(before.ends))
    check_committed(target.name, done["orders_accepted"], sum(after.committed) - sum(before.committed))
    return figures(done, took, spent, busy) | {"rss_mib": memory}


def figures(done: Mapping[str, Any], took: float, spent: Mapping[str, float], busy: float) -> dict[str, Any]:
    """From the summary of a load, the seconds until all was committed, each part's seconds of CPU and those of the
    whole machine: rates, latencies, and µs of CPU per accepted order. Pure; RuntimeError if none was accepted."""
    accepted = done["orders_accepted"]
    if not accepted:
        raise RuntimeError(f"no order was accepted: {done['statuses'] or done['errors']}")
    seconds = {"load": done["cpu_us_per_order"] * done["orders_sent"] / 1e6, **spent}
    seconds["rest of the machine"] = max(busy - sum(seconds.values()), 0.0)
    return {
        "orders_per_s": accepted / took, "accepted_per_s": done["orders_per_s"], "accepted": accepted,
        "refused": done["orders_refused"] + done["orders_unknown"], "unsent": done["orders_unsent"],
        "latency_ms": done["latency_ms"], "seconds": took, "cores_busy": busy / took,
        "us": {part: each / accepted * 1e6 for part, each in seconds.items()},
    }  # fmt: skip


def _watch_memory(sending: subprocess.Popen[str], parts: Parts, end: float) -> dict[str, list[float]]:
    """Readings of each part's largest process until the load ends. RuntimeError if it does not."""
    found: dict[str, list[float]] = {}
    while sending.poll() is None:
        for part, mib in parts.rss_mib().items():
            found.setdefault(part, []).append(mib)
        if time.monotonic() > end:
            raise RuntimeError("orderpipeline load does not end")
        try:
            sending.wait(MEMORY_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    return found


def _drained(world: World, target: Target) -> Offsets:
    """The offsets once all orders are committed. MismatchError if that takes too long."""
    end = time.monotonic() + DRAIN_SECONDS
    while True:
        found = world.offsets(target)
        if found is not None and found.drained:
            return found
        if time.monotonic() > end:
            waiting = "unknown" if found is None else f"{sum(found.ends) - sum(found.committed):,}"
            raise MismatchError(f"{target.name}: {waiting} orders are not committed after {DRAIN_SECONDS:.0f} s")
        time.sleep(READING_SECONDS)
