"""The operator as processes against a real API server: events drive it, one leads, another takes over."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hack.native import pki
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Kind, Ref
from tests.support.apiserver import ApiServer
from tests.support.helm import Helm, of_kind
from tests.support.pipeline_namespace import PipelineNamespace, new_space
from tests.support.ports import free_ports
from tests.support.processes import ENDS_WITH_US
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration
LEASE = "orderpipeline-operator"


class Process:
    """One operator."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, port: int) -> None:
        self.process, self.log, self.port = process, log, port

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    async def end(self, number: int) -> int:
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 60)

    async def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as reply:
            return reply.status, await reply.text()


@asynccontextmanager
async def operator(
    server: ApiServer,
    space: PipelineNamespace,
    name: str,
    folder: Path,
    *,
    kubeconfig: Path | None = None,
    cluster_wide: bool = False,
    more: Mapping[str, str] | None = None,
) -> AsyncIterator[Process]:
    """An operator that watches the space's namespace. Its Lease is long, so that on a slow machine it is not lost."""
    log, port = folder / f"{name}.log", free_ports(1)[0]
    environment = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(kubeconfig or server.kubeconfig),
        "POD_NAMESPACE": space.namespace,
        "POD_NAME": name,
        "ORDERPIPELINE_WATCH_NAMESPACES": "" if cluster_wide else space.namespace,
        "ORDERPIPELINE_LEASE_SECONDS": "60",
        "ORDERPIPELINE_RESYNC_SECONDS": "3600",  # events alone bring things about
        "ORDERPIPELINE_HTTP_PORT": str(port),
        "ORDERPIPELINE_TEARDOWN_SECONDS": "3",
        "ORDERPIPELINE_METRICS_SERVICE": "orderpipeline-operator-metrics",
        **(more or {}),
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *ENDS_WITH_US, sys.executable, "-m", "orderpipeline_operator", env=environment, stdout=output, stderr=output
        )
    try:
        yield Process(process, log, port)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def holder(space: PipelineNamespace) -> str:
    lease = await space.find(kinds.LEASE, LEASE)
    return str(lease["spec"].get("holderIdentity") or "") if lease else ""


async def made(space: PipelineNamespace, count: int, *wanted: Kind) -> bool:
    """Whether all of these kinds are there: the hands answer to what they find, and to each once."""
    return len(await space.names(*wanted)) == count


async def ready(space: PipelineNamespace) -> bool:
    return bool((await space.condition("Ready")).get("status") == "True")


async def brought_up(space: PipelineNamespace) -> None:
    """Play the other controllers, each once the operator has made what it acts on, until the pipeline is Ready."""
    await eventually("the Kafka is made", lambda: space.find(kinds.KAFKA))
    await space.strimzi_kafka()
    await eventually("topics and users are made", lambda: made(space, 5, kinds.TOPIC, kinds.USER))
    await space.strimzi_entities()
    await eventually("services are made", lambda: made(space, 2, kinds.DEPLOYMENT))
    await eventually("the consumers' HPA is made", lambda: space.find(kinds.HPA, "shop-consumer"))
    await space.pods_up()
    await eventually("Ready", lambda: ready(space))


async def test_it_is_ready_once_the_metrics_api_listens(crds: ApiServer, tmp_path: Path) -> None:
    await asyncio.to_thread(pki.make_authority, tmp_path, "serving-ca")
    await asyncio.to_thread(pki.issue, tmp_path, "serving-ca", "serving", "/CN=m", "DNS:metrics.svc")
    certificate = (tmp_path / "serving.crt").read_bytes()
    (tmp_path / "serving.crt").write_bytes(b"")
    tls = {
        "ORDERPIPELINE_METRICS_TLS_CERT": str(tmp_path / "serving.crt"),
        "ORDERPIPELINE_METRICS_TLS_KEY": str(tmp_path / "serving.key"),
        "ORDERPIPELINE_METRICS_API_PORT": str(free_ports(1)[0]),
    }
    async with new_space(crds) as space, operator(crds, space, "a", tmp_path, more=tls) as process:

        async def said(status: int) -> bool:
            try:
                return (await process.get("/ready"))[0] == status
            except aiohttp.ClientConnectionError:
                return False

        await eventually("it answers", lambda: said(503))
        (tmp_path / "serving.crt").write_bytes(certificate)
        await eventually("it listens", lambda: said(200))


async def test_events_bring_a_pipeline_up_repair_it_and_take_it_down(crds: ApiServer, tmp_path: Path) -> None:
    async with new_space(crds) as space, operator(crds, space, "a", tmp_path) as process:
        await space.create_pipeline(kafka={"listeners": {"plain": True}})
        await brought_up(space)

        before = await space.kube.get(space.ref(kinds.DEPLOYMENT, "shop-consumer"))
        await space.secret("shop-consumer", {"password": "a new one"})

        async def rolled() -> bool:
            now = await space.kube.get(space.ref(kinds.DEPLOYMENT, "shop-consumer"))
            return bool(now["spec"]["template"] != before["spec"]["template"])

        await eventually("a new password rolls the pods", rolled)

        service = await space.kube.get(space.ref(kinds.SERVICE, "shop-producer"))
        await space.kube.delete(space.ref(kinds.SERVICE, "shop-producer"), uid=service["metadata"]["uid"])
        await eventually("the Service is back", lambda: space.find(kinds.SERVICE, "shop-producer"))
        assert (await process.get("/health"))[0] == 200
        text = (await process.get("/metrics"))[1]
        assert "orderpipeline_leader 1.0" in text
        assert 'orderpipeline_reconciles_total{result="ok"}' in text

        cr = await space.pipeline()
        assert set(cr["metadata"].get("annotations") or {}) == set(), "kopf must leave no marks"
        await space.kube.delete(space.ref(kinds.PIPELINE), uid=cr["metadata"]["uid"])

        async def gone() -> bool:
            return await space.find(kinds.PIPELINE) is None

        await eventually("the pipeline is gone, though no Strimzi releases its topics", gone)
        assert await space.names(kinds.KAFKA, kinds.NODE_POOL, kinds.TOPIC, kinds.USER, kinds.DEPLOYMENT) == []
        assert await process.end(signal.SIGTERM) == 0
        bad = [line for line in process.lines() if line["level"] in ("ERROR", "CRITICAL")]
        assert bad == []
        assert await holder(space) == ""


async def test_one_leads_and_another_takes_over_when_it_is_killed(crds: ApiServer, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        space = await stack.enter_async_context(new_space(crds))

        def start(name: str) -> AbstractAsyncContextManager[Process]:
            return operator(crds, space, name, tmp_path, more={"ORDERPIPELINE_LEASE_SECONDS": "15"})

        first = await stack.enter_async_context(start("first"))
        await eventually("the first leads", lambda: _said(first, '"leading"'))
        second = await stack.enter_async_context(start("second"))
        await eventually("the second is up", lambda: _said(second, "waiting for the lead"))
        await asyncio.sleep(4)
        assert not second.said('"leading"')
        assert await holder(space) == "first"
        await space.create_pipeline()
        await eventually("the first works", lambda: space.find(kinds.KAFKA))

        await first.end(signal.SIGKILL)
        started = time.monotonic()
        await eventually("the second leads", lambda: _said(second, '"leading"'))
        assert time.monotonic() - started > 1, "the Lease of a dead leader has to run out first"
        await space.strimzi_kafka()
        await eventually("the second works", lambda: space.find(kinds.USER, "shop-operator"))

        third = await stack.enter_async_context(start("third"))
        await eventually("the third is up", lambda: _said(third, "waiting for the lead"))
        assert await second.end(signal.SIGTERM) == 0
        assert await holder(space) in ("", "third"), "a leader that stops gives its Lease back"
        await eventually("the third leads", lambda: _said(third, '"leading"'))


async def test_a_leader_that_loses_its_lease_ends(crds: ApiServer, tmp_path: Path) -> None:
    async with new_space(crds) as space, operator(crds, space, "a", tmp_path) as process:
        await eventually("it leads", lambda: _said(process, '"leading"'))
        stolen = {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 3600}}
        await space.kube.patch(Ref(kinds.LEASE, space.namespace, LEASE), stolen, manager="thief")
        assert await asyncio.wait_for(process.process.wait(), 20) == 1
        assert process.said("the lead is lost")
        assert await holder(space) == "thief"


async def _said(process: Process, text: str) -> bool:
    assert process.process.returncode is None, process.log.read_text()[-3000:]
    return process.said(text)


@pytest.mark.parametrize("cluster_wide", [True, False], ids=["cluster-wide", "one-namespace"])
async def test_the_charts_rights_are_enough_and_no_more(
    crds: ApiServer, helm: Helm, tmp_path: Path, cluster_wide: bool
) -> None:
    async with AsyncExitStack() as stack:
        space = await stack.enter_async_context(new_space(crds))
        watch = [] if cluster_wide else ["--set", f"watchNamespaces={{{space.namespace}}}"]
        rendered = helm.objects(
            "--namespace", space.namespace, "--set", "fullnameOverride=orderpipeline-operator", *watch
        )
        rights = of_kind(rendered, "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
        manifests = "\n---\n".join(json.dumps(each) for each in rights)
        crds.kubectl("apply", "-f", "-", input=manifests)
        stack.callback(crds.kubectl, "delete", "-f", "-", "--ignore-not-found", input=manifests)
        account = of_kind(rights, "ServiceAccount")[0]["metadata"]["name"]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{space.namespace}", "system:authenticated")
        user = f"system:serviceaccount:{space.namespace}:{account}"
        mine = crds.kubeconfig_for(user, *groups)
        for verb, resource in (("create", "leases"), ("list", "orderpipelines"), ("create", "deployments")):
            await asyncio.to_thread(crds.wait_may, verb, resource, f"--as={user}", "-n", space.namespace)

        process = await stack.enter_async_context(
            operator(crds, space, "a", tmp_path, kubeconfig=mine, cluster_wide=cluster_wide)
        )
        control = {"enabled": True, "autoRebalance": True}
        await space.create_pipeline(kafka={"cruiseControl": control}, producer={"ingress": {"host": "a.example.com"}})
        await brought_up(space)

        async def told() -> bool:
            return (await space.condition("AutoscalingActive")).get("reason") == "NoMetricsAPI"

        await eventually("there are no metrics", told)
        await space.edit_spec(producer={"ingress": None}, autoscaling={"backend": "KEDA"})
        await eventually("the ScaledObject is made", lambda: space.find(kinds.SCALED_OBJECT, "shop-consumer"))

        async def no_ingress() -> bool:
            return await space.find(kinds.INGRESS, "shop-producer") is None

        await eventually("the Ingress is removed", no_ingress)
        cr = await space.pipeline()
        await space.kube.delete(space.ref(kinds.PIPELINE), uid=cr["metadata"]["uid"])

        async def gone() -> bool:
            return await space.find(kinds.PIPELINE) is None

        await eventually("the pipeline is gone", gone)
        assert await space.events() != []
        assert not process.said("orbidden"), process.log.read_text()
        assert await process.end(signal.SIGTERM) == 0
