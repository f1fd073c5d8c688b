"""One run: control plane, pipelines, operator, and the three phases: bring-up, changes, idling."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.operator.client import Client, in_parallel, path_of
from bench.operator.fake_controllers import FakeControllers
from bench.operator.figures import Figures
from bench.operator.measures import AUDIT_POLICY, SYSTEM, AuditLog, cpu_of_others, cpu_seconds, rss_mib
from bench.operator.progress import Key, Progress
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.manifests import Context, Pipeline, render
from orderpipeline_operator.domain.units.wording import counted
from orderpipeline_operator.domain.validation.accept import accept
from tests.support.apiserver import ApiServer, run_apiserver
from tests.support.pipeline_namespace import install_crds
from tests.support.processes import ENDS_WITH_US

OPERATOR_CORE, OTHERS_CORE = 0, 1
SPEC: dict[str, Any] = {"autoscaling": {"idleAfter": "10s"}}
"""The defaults, except that a pipeline becomes idle soon: reporting that is a write, and the idle phase has none."""
PER_NAMESPACE = 50
CHANGES_PER_SECOND = 5.0
HTTP_PORT = 18080
SETTLED = 25.0
"""Seconds without a write before the idle phase begins."""
SAMPLE = 10.0
"""Seconds between two readings of the memory."""


@dataclass(frozen=True)
class Options:
    """The size of a run."""

    crs: int
    idle: int
    changes: int
    resync: float = 60.0
    """Seconds after which the operator reconciles a pipeline even without a change."""


async def run(options: Options) -> Figures:
    """Run it. Raises if a pipeline does not become Ready, a change does not arrive or a child is missing."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orderpipeline-bench-")))
        policy, log = folder / "policy.json", folder / "audit.log"
        policy.write_text(json.dumps(AUDIT_POLICY))
        flags = f"--audit-policy-file={policy}", f"--audit-log-path={log}"
        server = stack.enter_context(run_apiserver(*flags, environment={"GOGC": "400"}))
        install_crds(server)
        server.kubectl("create", "namespace", SYSTEM)
        client = Client(server, server.token_for(SYSTEM, "fake-controllers"))
        stack.push_async_callback(client.close)
        keys = await _populate(client, options.crs)
        progress = Progress()
        controllers = FakeControllers(client, progress.observe)
        await controllers.start()
        stack.push_async_callback(controllers.stop)
        audit = AuditLog(log)
        figures = Figures(options.crs, options.changes, options.idle)
        pid = stack.enter_context(_operator(server, folder, options.resync))
        _log(f"{options.crs} pipelines exist; the operator starts")
        await _bring_up(figures, progress, controllers, keys, pid, audit)
        _log(
            f"reconciled after {figures.reconciled_s:.1f} s, Ready {figures.all_ready_s:.1f} s after Kafka became Ready"
        )
        figures.children = await _children(client, keys)
        changed = keys[:: max(1, len(keys) // options.changes)][: options.changes]
        await _change(figures, client, progress, changed, audit)
        _log(f"{options.changes} changes, p99 {figures.p99_change_s:.2f} s")
        await _settle(audit)
        await _idle(figures, pid, audit, options.idle)
        await _children(client, keys)
        return figures


async def _populate(client: Client, count: int) -> list[Key]:
    keys = [(f"team-{number // PER_NAMESPACE:03d}", f"pipeline-{number:04d}") for number in range(count)]

    def work() -> Iterator[Awaitable[bytes]]:
        for key in keys:
            meta = {"namespace": key[0], "name": key[1]}
            kind = kinds.PIPELINE
            body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "spec": SPEC}
            yield client.send("POST", path_of(kind, key[0]), body)

    for namespace in sorted({key[0] for key in keys}):
        await client.send("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    await in_parallel(work())
    return keys


@contextmanager
def _operator(server: ApiServer, folder: Path, resync: float) -> Iterator[int]:
    """The operator on its core, watching all namespaces; its process id. RuntimeError unless it exits cleanly."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(_kubeconfig(server, server.token_for(SYSTEM, "operator"))))
    environment = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(kubeconfig),
        "POD_NAMESPACE": SYSTEM,
        "POD_NAME": "bench",
        "ORDERPIPELINE_LEASE_SECONDS": "120",  # nobody else could lead if this one is short of CPU
        "ORDERPIPELINE_HTTP_PORT": str(HTTP_PORT),
        "ORDERPIPELINE_METRICS_SERVICE": "orderpipeline-operator-metrics",
        "ORDERPIPELINE_RESYNC_SECONDS": str(resync),
        "ORDERPIPELINE_LOG_LEVEL": "WARNING",
    }
    pinned = (*ENDS_WITH_US, "taskset", "--cpu-list", str(OPERATOR_CORE))
    profiler = json.loads(os.environ.get("BENCH_PROFILER", "[]"))
    log = folder / "operator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*pinned, sys.executable, *profiler, "-m", "bench.operator.kafka"],
            env=environment,
            stdout=output,
            stderr=output,
        )
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            lines = log.read_text().splitlines()
            if lines:
                _log(f"the operator logged {counted(len(lines), 'line')}, the last:", *lines[-3:])
    if process.returncode:
        raise RuntimeError(f"the operator exited with status {process.returncode}")


def _kubeconfig(server: ApiServer, token: str) -> dict[str, Any]:
    name = "bench"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server.url, "certificate-authority": str(server.ca)}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


async def _bring_up(
    figures: Figures, progress: Progress, controllers: FakeControllers, keys: list[Key], pid: int, audit: AuditLog
) -> None:
    """First every pipeline is reconciled once; Kafka becomes Ready afterwards, since a real one takes longer."""
    started, others = time.monotonic(), cpu_of_others(pid)
    seconds = 600 + len(keys) * 0.5
    await progress.until("all reconciled once", lambda: len(progress.reconciled) == len(keys), seconds)
    figures.reconciled_s = max(progress.reconciled.values()) - started
    figures.reconciled_cpu_s = cpu_seconds(pid)
    figures.reconciled_others = {name: spent - others[name] for name, spent in cpu_of_others(pid).items()}
    released = time.monotonic()
    controllers.release()
    await progress.until(
        "all Ready", lambda: controllers.failure is not None or len(progress.ready) == len(keys), seconds
    )
    if controllers.failure is not None:
        raise controllers.failure
    figures.all_ready_s = max(progress.ready.values()) - released
    figures.ready_cpu_s = cpu_seconds(pid) - figures.reconciled_cpu_s
    figures.ready_others = {
        name: spent - others[name] - figures.reconciled_others[name] for name, spent in cpu_of_others(pid).items()
    }
    figures.bring_up_writes = audit.read_new()
    figures.controller_writes = controllers.writes
    figures.rss_after_bring_up = rss_mib(pid)


async def _change(figures: Figures, client: Client, progress: Progress, keys: list[Key], audit: AuditLog) -> None:
    """Change specs at a steady pace, whether or not earlier changes have arrived."""
    await _settle(audit)
    sent: dict[Key, float] = {}
    tasks = []
    body = {"spec": {"producer": {"replicas": 3}, "consumer": {"workers": 11}}}
    for key in keys:
        progress.expect(key, 3, 11)
        sent[key] = time.monotonic()
        tasks.append(asyncio.ensure_future(client.send("PATCH", path_of(kinds.PIPELINE, *key), body)))
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


async def _idle(figures: Figures, pid: int, audit: AuditLog, seconds: int) -> None:
    cpu, started, reconciles = cpu_seconds(pid), time.monotonic(), await _reconciles()
    while time.monotonic() - started < seconds:
        figures.rss_idle.append(rss_mib(pid))
        await asyncio.sleep(min(SAMPLE, seconds))
    figures.rss_idle.append(rss_mib(pid))
    figures.idle_writes = audit.read_new()
    figures.idle_passes = await _reconciles() - reconciles
    figures.idle_cpu_s = cpu_seconds(pid) - cpu
    figures.rss_peak = rss_mib(pid, peak=True)


async def _reconciles() -> int:
    """Reconciles, as counted by the operator itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", HTTP_PORT)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    lines = [line for line in text.splitlines() if line.startswith("orderpipeline_reconciles_total{")]
    return int(sum(float(line.rpartition(" ")[2]) for line in lines))


async def _children(client: Client, keys: list[Key]) -> int:
    """Count the children. AssertionError that names one if a rendered child is missing."""
    accepted = accept(SPEC)
    assert isinstance(accepted, OrderPipelineSpec)
    wanted = {
        (manifest["kind"], namespace, manifest["metadata"]["name"])
        for namespace, name in keys
        for manifest in render(Pipeline(name, namespace, "", accepted), Context("p", "c", SYSTEM)).manifests()
    }
    there = set()
    for kind in kinds.CHILD_KINDS:
        if any(each[0] == kind.kind for each in wanted):
            there |= {(kind.kind, *key) for key in await client.names(kind)}
    missing = sorted(wanted - there)
    assert not missing, f"{len(missing)} children are missing, such as {missing[0]}"
    return len(wanted)


def _log(*words: str) -> None:
    print("==", *words, file=sys.stderr, flush=True)
