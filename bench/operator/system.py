"""A control plane with its pipelines and one operator: this source tree's, or that of an earlier commit."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.operator.client import Client, in_parallel, path_of
from bench.operator.fake_controllers import FakeControllers, Listener
from bench.operator.measures import AUDIT_POLICY, SYSTEM, AuditLog
from bench.operator.progress import Key, Progress
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.units.wording import counted
from tests.support.apiserver import ApiServer, run_apiserver
from tests.support.pipeline_namespace import install_crds
from tests.support.processes import ENDS_WITH_US

ROOT: Final = Path(__file__).resolve().parents[2]
OPERATOR_CORE: Final = 0
SPEC: Final[dict[str, Any]] = {"autoscaling": {"idleAfter": "10s"}}
"""The defaults, except that a pipeline becomes idle soon: reporting that is a write, and the idle phase has none."""
PER_NAMESPACE: Final = 50


@dataclass(frozen=True)
class Operator:
    """How to run one. `root` is its source tree."""

    root: Path
    http_port: int
    resync: float
    """Seconds after which it reconciles a pipeline even without a change."""
    kafka: Listener | None
    """Where it reads offsets; None: a function in its process stands in for that."""


@dataclass(frozen=True)
class System:
    """What runs, and what is known of it."""

    server: ApiServer
    client: Client
    keys: list[Key]
    progress: Progress
    controllers: FakeControllers
    audit: AuditLog
    pid: int
    """Of the operator."""
    http_port: int
    """Where it serves its metrics."""


def source_of(commit: str, folder: Path) -> Path:
    """The source tree of a commit, in a new `folder`. RuntimeError if the repository does not have it."""
    parts = ("operator", "services", "bench", "tests", "hack", "crds")
    archive = subprocess.run(["git", "archive", commit, *parts], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        error = archive.stderr.decode().strip()
        raise RuntimeError(f"git archive {commit}: {error}; fetch the whole history, or give --baseline ''")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


@asynccontextmanager
async def running(operator: Operator, folder: Path, count: int) -> AsyncIterator[System]:
    """An API server with `count` pipelines, fake controllers, and the operator, which has just been started."""
    async with AsyncExitStack() as stack:
        folder.mkdir()
        policy, log = folder / "policy.json", folder / "audit.log"
        policy.write_text(json.dumps(AUDIT_POLICY))
        flags = f"--audit-policy-file={policy}", f"--audit-log-path={log}"
        server = stack.enter_context(run_apiserver(*flags, environment={"GOGC": "400"}))
        install_crds(server, pipeline=operator.root / "crds" / "orderpipeline.yaml")
        server.kubectl("create", "namespace", SYSTEM)
        client = Client(server, server.token_for(SYSTEM, "fake-controllers"))
        stack.push_async_callback(client.close)
        keys = await _populate(client, count)
        progress = Progress()
        controllers = FakeControllers(client, progress.observe, operator.kafka)
        await controllers.start()
        stack.push_async_callback(controllers.stop)
        pid = stack.enter_context(_process(operator, server, folder))
        yield System(server, client, keys, progress, controllers, AuditLog(log), pid, operator.http_port)


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
def _process(operator: Operator, server: ApiServer, folder: Path) -> Iterator[int]:
    """The operator on its core, watching all namespaces; its process id. RuntimeError unless it exits cleanly."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(_kubeconfig(server, server.token_for(SYSTEM, "operator"))))
    sources = (operator.root, operator.root / "operator", operator.root / "services" / "common")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, sources)),
        "KUBECONFIG": str(kubeconfig),
        "POD_NAMESPACE": SYSTEM,
        "POD_NAME": "bench",
        "ORDERPIPELINE_LEASE_SECONDS": "120",  # nobody else could lead if this one is short of CPU
        "ORDERPIPELINE_HTTP_PORT": str(operator.http_port),
        "ORDERPIPELINE_METRICS_SERVICE": "orderpipeline-operator-metrics",
        "ORDERPIPELINE_RESYNC_SECONDS": str(operator.resync),
        "ORDERPIPELINE_LOG_LEVEL": "WARNING",
    }
    pinned = (*ENDS_WITH_US, "taskset", "--cpu-list", str(OPERATOR_CORE))
    profiler = json.loads(os.environ.get("BENCH_PROFILER", "[]"))
    module = "bench.operator.kafka" if operator.kafka is None else "orderpipeline_operator"
    log = folder / "operator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*pinned, sys.executable, *profiler, "-m", module],
            cwd=operator.root,
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
                last = "\n".join(lines[-3:])
                print(f"== the operator logged {counted(len(lines), 'line')}, the last: {last}", file=sys.stderr)
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
