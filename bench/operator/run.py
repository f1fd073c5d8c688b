"""One run of this source tree's operator in three phases: bring-up, changes, and idling, beside an earlier operator."""

import asyncio
import resource
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from bench.operator import fake_kafka
from bench.operator.client import path_of
from bench.operator.fake_controllers import Listener
from bench.operator.figures import Baseline, Figures
from bench.operator.measures import SYSTEM, AuditLog, cpu_of_others, cpu_seconds, rss_mib
from bench.operator.progress import Key
from bench.operator.system import ROOT, SPEC, Operator, System, running, source_of
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.manifests import Context, Pipeline, render
from orderpipeline_operator.domain.validation.accept import accept
from tests.support.ports import free_ports

OTHERS_CORE = 1
CHANGES_PER_SECOND = 5.0
SETTLED = 25.0
"""Seconds without a write before the idle phase begins."""
SAMPLE = 10.0
"""Seconds between two readings of the memory."""
FILES = 65536
"""File descriptors: the fake Kafka has every connection of both operators."""


@dataclass(frozen=True)
class Options:
    """The size of a run."""

    crs: int
    idle: int
    changes: int
    baseline: str = ""
    """A commit whose operator idles at the same time; empty: none."""
    kafka: bool = True
    """Whether there is a fake Kafka to read offsets from; otherwise nothing is asked."""
    resync: float = 60.0
    """Seconds after which the operator reconciles a pipeline even without a change."""


async def run(options: Options) -> Figures:
    """Run it. Raises if a pipeline does not become Ready, a change does not arrive or a child is missing."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most), most))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orderpipeline-bench-")))
        kafka = Listener(*await stack.enter_async_context(fake_kafka.running(folder))) if options.kafka else None
        port, other_port = free_ports(2)
        here = Operator(ROOT, port, options.resync, kafka)
        ours = await stack.enter_async_context(running(here, folder / "ours", options.crs))
        figures = Figures(options.crs, options.changes, options.idle)
        _log(f"{options.crs} pipelines exist; the operator starts")
        await _bring_up(figures, ours)
        _log(
            f"reconciled after {figures.reconciled_s:.1f} s, Ready {figures.all_ready_s:.1f} s after Kafka became Ready"
        )
        figures.children = await _children(ours)
        changed = ours.keys[:: max(1, len(ours.keys) // options.changes)][: options.changes]
        await _change(figures, ours, changed)
        _log(f"{options.changes} changes, p99 {figures.p99_change_s:.2f} s")
        theirs = None
        if options.baseline:
            root = source_of(options.baseline, folder / "source")
            there = replace(here, root=root, http_port=other_port)
            theirs = await stack.enter_async_context(running(there, folder / "theirs", options.crs))
            _log(f"the operator of {options.baseline} starts")
            await _bring_up(Figures(options.crs, 0, 0), theirs)
            await _settle(theirs.audit)
        await _settle(ours.audit)
        for system in filter(None, (ours, theirs)):
            await _all_read(system)
        _log("idling")
        await _idle(figures, ours, theirs, options.baseline)
        await _children(ours)
        return figures


async def _bring_up(figures: Figures, system: System) -> None:
    """First every pipeline is reconciled once; Kafka becomes Ready afterwards, since a real one takes longer."""
    progress, controllers, pid, count = system.progress, system.controllers, system.pid, len(system.keys)
    started, others = time.monotonic(), cpu_of_others(pid)
    seconds = 600 + count * 0.5
    await progress.until("all reconciled once", lambda: len(progress.reconciled) == count, seconds)
    figures.reconciled_s = max(progress.reconciled.values()) - started
    figures.reconciled_cpu_s = cpu_seconds(pid)
    figures.reconciled_others = {name: spent - others[name] for name, spent in cpu_of_others(pid).items()}
    released = time.monotonic()
    controllers.release()
    await progress.until("all Ready", lambda: controllers.failure is not None or len(progress.ready) == count, seconds)
    if controllers.failure is not None:
        raise controllers.failure
    figures.all_ready_s = max(progress.ready.values()) - released
    figures.ready_cpu_s = cpu_seconds(pid) - figures.reconciled_cpu_s
    figures.ready_others = {
        name: spent - others[name] - figures.reconciled_others[name] for name, spent in cpu_of_others(pid).items()
    }
    figures.bring_up_writes = system.audit.read_new()
    figures.controller_writes = controllers.writes
    figures.rss_after_bring_up = rss_mib(pid)


async def _change(figures: Figures, system: System, keys: list[Key]) -> None:
    """Change specs at a steady pace, whether or not earlier changes have arrived."""
    await _settle(system.audit)
    progress = system.progress
    sent: dict[Key, float] = {}
    tasks = []
    body = {"spec": {"producer": {"replicas": 3}, "consumer": {"workers": 11}}}
    for key in keys:
        progress.expect(key, 3, 11)
        sent[key] = time.monotonic()
        tasks.append(asyncio.ensure_future(system.client.send("PATCH", path_of(kinds.PIPELINE, *key), body)))
        await asyncio.sleep(1 / CHANGES_PER_SECOND)
    await asyncio.gather(*tasks)
    await progress.until("all changes arrived", lambda: len(progress.changed) == len(keys), 180)
    figures.change_s = [progress.changed[key] - sent[key] for key in keys]


async def _settle(audit: AuditLog) -> None:
    """Wait until there are no more writes."""
    audit.read_new()
    quiet_since = time.monotonic()
    deadline = quiet_since + 600
    while time.monotonic() - quiet_since < SETTLED:
        await asyncio.sleep(1)
        if audit.read_new().objects:
            quiet_since = time.monotonic()
        if time.monotonic() > deadline:
            raise TimeoutError("the operator still writes 10 minutes after the last change")


async def _all_read(system: System) -> None:
    """AssertionError if the lag of a pipeline is not known: what cannot be read costs less."""
    unread = [
        f"{item.metadata.namespace}/{item.metadata.name}: {item.status.get('lag')}"
        for item in (await system.client.all(kinds.PIPELINE)).items
        if (item.status.get("lag") or {}).get("orders") != 0
    ]
    assert not unread, f"the lag of {len(unread)} pipelines is not 0, such as {unread[0]}"


async def _idle(figures: Figures, ours: System, theirs: System | None, commit: str) -> None:
    """Both on one core at the same time, so that whatever slows the machine slows both."""
    reconciles, pids = await _reconciles(ours), [one.pid for one in (ours, theirs) if one is not None]
    before, started = [cpu_seconds(pid) for pid in pids], time.monotonic()
    while time.monotonic() - started < figures.idle_s:
        figures.rss_idle.append(rss_mib(ours.pid))
        await asyncio.sleep(min(SAMPLE, figures.idle_s))
    figures.rss_idle.append(rss_mib(ours.pid))
    figures.idle_writes = ours.audit.read_new()
    spent = [cpu_seconds(pid) - earlier for pid, earlier in zip(pids, before, strict=True)]
    figures.idle_passes = await _reconciles(ours) - reconciles
    figures.idle_cpu_s = spent[0]
    figures.rss_peak = rss_mib(ours.pid, peak=True)
    if theirs is not None:
        figures.baseline = Baseline(commit, spent[1], theirs.audit.read_new().objects, rss_mib(theirs.pid, peak=True))


async def _reconciles(system: System) -> int:
    """Reconciles, as counted by the operator itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", system.http_port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    lines = [line for line in text.splitlines() if line.startswith("orderpipeline_reconciles_total{")]
    return int(sum(float(line.rpartition(" ")[2]) for line in lines))


async def _children(system: System) -> int:
    """Count the children. AssertionError that names one if a rendered child is missing."""
    accepted = accept(SPEC)
    assert isinstance(accepted, OrderPipelineSpec)
    wanted = {
        (manifest["kind"], namespace, manifest["metadata"]["name"])
        for namespace, name in system.keys
        for manifest in render(Pipeline(name, namespace, "", accepted), Context("p", "c", SYSTEM)).manifests()
    }
    there = set()
    for kind in kinds.CHILD_KINDS:
        if any(each[0] == kind.kind for each in wanted):
            there |= {(kind.kind, *key) for key in await system.client.names(kind)}
    missing = sorted(wanted - there)
    assert not missing, f"{len(missing)} children are missing, such as {missing[0]}"
    return len(wanted)


def _log(*words: str) -> None:
    print("==", *words, file=sys.stderr, flush=True)
