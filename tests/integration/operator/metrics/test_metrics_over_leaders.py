"""External metrics while the leader dies: two operators behind one Service, read through a real API server."""

import asyncio
import base64
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from hack.native import keda, pki
from orderpipeline_operator.domain.kubernetes.apiservice import APISERVICE_NAME
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE
from tests.integration.operator.test_process import Process, _said, operator
from tests.support.apiserver import ApiServer
from tests.support.pipeline_namespace import PipelineNamespace, new_space
from tests.support.ports import free_ports
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


@asynccontextmanager
async def service(ports: list[int], listen: int) -> AsyncIterator[None]:
    """Stands for a Service: each connection goes to the first of `ports` that takes it."""

    open_now: set[asyncio.Task[None]] = set()

    async def pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
        finally:
            target.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for port in ports:
                with contextlib.suppress(OSError):
                    there, back = await asyncio.open_connection("127.0.0.1", port)
                    await asyncio.gather(pipe(reader, back), pipe(there, writer))
                    return
        finally:
            writer.close()

    def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(carry(reader, writer))
        open_now.add(task)
        task.add_done_callback(open_now.discard)

    server = await asyncio.start_server(on_connection, "127.0.0.1", listen)
    try:
        yield
    finally:
        server.close()
        for task in tuple(open_now):
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)


@asynccontextmanager
async def registered(server: ApiServer, space: PipelineNamespace, ca: Path, port: int) -> AsyncIterator[None]:
    """The APIService of external metrics, which a local port serves."""
    meta = {"name": "metrics", "namespace": space.namespace}
    spec = {"type": "ExternalName", "externalName": "localhost"}
    pem = base64.b64encode(ca.read_bytes()).decode()
    manifests = [
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec},
        keda.registration({**meta, "port": port}, pem),
    ]
    for manifest in manifests:
        server.kubectl("apply", "-f", "-", input=json.dumps(manifest))
    try:
        yield
    finally:
        server.kubectl("delete", "apiservice", APISERVICE_NAME, "--ignore-not-found")


async def test_the_metrics_are_served_while_nobody_leads(crds: ApiServer, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        space = await stack.enter_async_context(new_space(crds))
        elsewhere = await stack.enter_async_context(
            new_space(crds)
        )  # not watched, so its status stays as it is put here
        await elsewhere.create_pipeline()
        status = {"status": {"consumers": {"desired": 4}}}
        await elsewhere.kube.patch(elsewhere.ref(PIPELINE), status, subresource="status", manager="test")

        await asyncio.to_thread(pki.make_authority, tmp_path, "ca")
        names = f"DNS:metrics.{space.namespace}.svc"
        await asyncio.to_thread(pki.issue, tmp_path, "ca", "serving", "/CN=m", names)
        ports, listen = free_ports(2), free_ports(1)[0]
        operators = []
        for name, port in zip(("first", "second"), ports, strict=True):
            more = {
                "ORDERPIPELINE_METRICS_TLS_CERT": str(tmp_path / "serving.crt"),
                "ORDERPIPELINE_METRICS_TLS_KEY": str(tmp_path / "serving.key"),
                "ORDERPIPELINE_METRICS_API_PORT": str(port),
                "ORDERPIPELINE_LEASE_SECONDS": "15",  # so long nobody leads, and there is time to read
            }
            process = operator(crds, space, name, tmp_path, more=more)
            operators.append(await stack.enter_async_context(process))
            await eventually(f"{name} serves", lambda: _serves(operators[-1]))
            if name == "first":
                await eventually("the first leads", lambda: _said(operators[0], '"leading"'))
        await stack.enter_async_context(service(ports, listen))
        await stack.enter_async_context(registered(crds, space, tmp_path / "ca.crt", listen))

        path = f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{elsewhere.namespace}/orderpipeline_desired_consumers"
        answers: list[tuple[float, float, str]] = []  # when each was asked for and was there, and what came

        async def read() -> bool:
            asked = time.monotonic()
            found = await asyncio.to_thread(crds.try_kubectl, "get", "--raw", path)
            answers.append((asked, time.monotonic(), found.stdout if found.returncode == 0 else ""))
            return found.returncode == 0

        await eventually("the metrics are read", read)
        answers.clear()
        assert not operators[1].said('"leading"')
        killed = time.monotonic()
        await operators[0].end(signal.SIGKILL)
        while not operators[1].said('"leading"'):
            await read()
            assert time.monotonic() - killed < 120
        led = time.monotonic()
        await eventually("the metrics are read", read)

        good = [json.loads(text) for *_, text in answers if text]
        assert {item["value"] for answer in good for item in answer["items"]} == {"4"}
        assert all(len(answer["items"]) == 1 for answer in good), "never as if nothing were known"
        assert [at for at, there, text in answers if text and killed < at < there < led], "answered while nobody led"
        late = [at - killed for at, _, text in answers if not text and at - killed > 3]
        assert late == [], "only readings that were under way may be lost"


async def _serves(process: Process) -> bool:
    return await _said(process, "external metrics are served")
