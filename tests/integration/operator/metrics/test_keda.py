"""The rendered ScaledObject under the real KEDA 2.21: its operator, its metrics adapter, Kubernetes' HPA controller."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from hack.native import build, keda
from hack.native.config import Paths
from orderpipeline_operator.adapters.keda_endpoint import desired_route
from orderpipeline_operator.adapters.metrics_api.values import Row
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes.selector import Requirement
from orderpipeline_operator.domain.manifests import Context, Pipeline, render
from tests.integration.operator.reconcile.test_transitions import watched_deployment
from tests.support.apiserver import ApiServer, run_apiserver
from tests.support.controllers import background, controllers
from tests.support.ports import free_ports
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

SPACE, CONSUMER = "keda-shop", "shop-consumer"
SPEC = {"topic": {"partitions": 24}, "autoscaling": {"backend": "KEDA", "min": 0, "max": 24, "pollInterval": "1s"}}
SECRET = b"0123456789abcdef" * 2
KINDS = ("ServiceAccount", "Deployment", "ScaledObject")
CONTROLLERS = ("horizontal-pod-autoscaler", "deployment", "replicaset", "garbage-collector")


@dataclass
class Operator:
    """Our side: answers `desired`, or that it is not known when that is None; stops and starts."""

    port: int
    desired: int | None = None
    asked: int = 0
    _runner: web.AppRunner | None = field(default=None, repr=False)

    async def lookup(self, namespace: str, metric: str, selector: tuple[Requirement, ...]) -> Sequence[Row]:
        self.asked += 1
        return () if self.desired is None else (({}, float(self.desired), 1.7e9),)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_routes([desired_route(self, SECRET)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()


@dataclass
class Cluster:
    """An API server with KEDA on it."""

    server: ApiServer
    operator: Operator
    logs: tuple[Path, ...]

    async def kubectl(self, *arguments: str, apply: object = None) -> str:
        text = None if apply is None else json.dumps(apply)
        return await asyncio.to_thread(self.server.kubectl, "-n", SPACE, *arguments, input=text)

    async def get(self, kind: str, name: str = CONSUMER) -> dict[str, Any]:
        text = await self.kubectl("get", kind, name, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text else {}

    async def replicas(self) -> int:
        return int((await self.get("deployment"))["spec"]["replicas"])

    async def condition(self, kind: str) -> str:
        entries = (await self.get("scaledobject")).get("status", {}).get("conditions", [])
        return next((entry["status"] for entry in entries if entry["type"] == kind), "")

    async def until(self, what: str, check: Callable[[], Awaitable[bool]], seconds: float = 180) -> None:
        await eventually(what, check, seconds=seconds, every=0.3, detail=self.ends)

    def ends(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-1500:]}" for log in self.logs)

    async def reach(self, desired: int) -> None:
        if 0 in (desired, self.operator.desired):
            made = rendered(self.operator.port, none=desired == 0)
            await self.kubectl("apply", "-f", "-", apply=made["ScaledObject"])
        self.operator.desired = desired

        async def there() -> bool:
            return await self.replicas() == desired

        await self.until(f"{desired} consumers", there)


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    """An API server of its own, since these controllers would act on what other tests have left."""
    paths = Paths.from_env()
    await asyncio.to_thread(build.ensure, paths, keda.BINARIES)
    async with AsyncExitStack() as stack:
        server = stack.enter_context(run_apiserver())
        operator = Operator(free_ports(1)[0])
        await operator.start()
        stack.push_async_callback(operator.stop)
        await asyncio.to_thread(prepare, server, folder, operator.port)
        names = (f"{name}-controller" for name in CONTROLLERS)
        manager = stack.enter_context(controllers(server, folder, *names))
        api, grpc, *others = free_ports(5)
        await asyncio.to_thread(register, server, folder, api)
        environment = {"PATH": os.environ["PATH"], **keda.environ(server.kubeconfig)}
        command = keda.operator_command(paths.bin, folder, ports=(grpc, *others[:2]))
        first = stack.enter_context(background(command, folder / "keda.log", environment))
        command = keda.adapter_command(paths.bin, folder, server.kubeconfig, "127.0.0.1", ports=(api, grpc, others[2]))
        second = stack.enter_context(background(command, folder / "adapter.log", environment))
        yield Cluster(server, operator, (manager, first, second))


def prepare(server: ApiServer, folder: Path, port: int) -> None:
    """KEDA's CRDs, and the consumers as they are rendered; without an owner, which is not there."""
    for crd in keda.crds(Paths.from_env()):
        server.kubectl("apply", "--server-side", "-f", str(crd))
    server.wait_served(*server.kubectl("get", "crd", "-o", "jsonpath={.items[*].metadata.name}").split())
    for namespace in (SPACE, keda.NAMESPACE):
        server.kubectl("create", "namespace", namespace)
    chosen = rendered(port, none=False)
    assert set(chosen) == set(KINDS)
    for manifest in chosen.values():
        server.kubectl("apply", "-f", "-", input=json.dumps(manifest))


def rendered(port: int, none: bool) -> dict[str, Any]:
    """The consumers as they are rendered while there are to be none, or some."""
    url = f"http://127.0.0.1:{port}"
    context = Context("producer", "consumer", "operator", scaling_url=url, scaling_secret=SECRET, no_consumers=none)
    made = render(Pipeline("shop", SPACE, "uid", OrderPipelineSpec.model_validate(SPEC)), context).manifests()
    for manifest in made:
        manifest["metadata"].pop("ownerReferences")
    return {m["kind"]: m for m in made if m["metadata"]["name"] == CONSUMER and m["kind"] in KINDS}


def register(server: ApiServer, folder: Path, port: int) -> None:
    """KEDA's adapter as the external metrics, on a local port."""
    keda.make_certificates(folder)
    meta = {"name": keda.SERVICE, "namespace": keda.NAMESPACE}
    spec = {"type": "ExternalName", "externalName": "localhost"}
    ca = base64.b64encode((folder / "ca.crt").read_bytes()).decode()
    service = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
    for manifest in (service, keda.registration({**meta, "port": port}, ca)):
        server.kubectl("apply", "-f", "-", input=json.dumps(manifest))


async def test_keda_follows_every_decision_and_holds_on_every_failure(tmp_path: Path) -> None:
    async with cluster(tmp_path) as at:
        await at.kubectl("scale", "deployment", CONSUMER, "--replicas=7")
        at.operator.desired = 7
        with watched_deployment(at.server, SPACE, CONSUMER) as values:

            async def serving() -> bool:
                return await at.condition("Ready") == "True" and bool(await at.get("hpa", f"keda-hpa-{CONSUMER}"))

            await at.until("KEDA takes the ScaledObject up", serving)
            await at.reach(12)
        assert set(values) == {7, 12}, "taken over as they were"

        for desired in (13, 12, 23, 24, 3):
            await at.reach(desired)

        async def failing() -> bool:
            return await at.condition("Ready") == "False"

        async def healthy() -> bool:
            return await at.condition("Ready") == "True"

        with watched_deployment(at.server, SPACE, CONSUMER, mark=11) as values:
            at.operator.desired = None
            await at.until("an unknown number is an error", failing)
            await asyncio.sleep(5)
            at.operator.desired = 3
            await at.until("it is known again", healthy)
            await at.operator.stop()
            await at.until("an operator that is away is an error", failing)
            await asyncio.sleep(5)
            await at.operator.start()
            await at.until("it is back", healthy)
        assert set(values) == {3}, "neither has moved anything"

        await at.reach(0)
        await at.reach(5)
        with watched_deployment(at.server, SPACE, CONSUMER, mark=11) as values:
            await at.kubectl("delete", "scaledobject", CONSUMER, "--timeout=120s")

            async def gone() -> bool:
                return not await at.get("hpa", f"keda-hpa-{CONSUMER}")

            await at.until("its HPA goes with it", gone)
        assert set(values) == {5}, "consumers outlive the ScaledObject"
