"""A namespace on a real API server with the real CRDs; functions play Strimzi and the Deployment controller."""

import asyncio
import base64
import itertools
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hack.kafka.crds import strimzi_crds
from hack.native import keda
from hack.native.config import Paths
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.kubernetes.credentials import from_kubeconfig
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Kind, Manifest, Ref
from orderpipeline_operator.domain.planning.observed import Scaling
from orderpipeline_operator.errors import NotFound
from orderpipeline_operator.reconcile.reconciler import Defaults, Reconciler
from orderpipeline_operator.sampling.target import Target
from tests.support.apiserver import ApiServer

ROOT = Path(__file__).resolve().parents[2]
NAME = "shop"
_numbers = itertools.count(1)
TIME = "2026-11-22T12:00:00Z"
INSTALLED = tuple(kind for kind in kinds.CHILD_KINDS if kind not in (kinds.HTTP_ROUTE, *kinds.MONITORING_KINDS))
"""The kinds of children that the API server of the tests knows."""


def run_tool(command: list[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """What a program that looks at pipelines answers within minutes, whatever its exit code."""
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=240, check=False)


@dataclass
class Sampler:
    """A stand-in for the sampler: remembers what is tracked, returns what the test says."""

    targets: dict[tuple[str, str], Target] = field(default_factory=dict)
    said: Scaling | None = None

    def track(self, target: Target) -> None:
        self.targets[target.key] = target

    def forget(self, key: tuple[str, str]) -> None:
        self.targets.pop(key, None)

    def view(self, key: tuple[str, str]) -> Scaling | None:
        return self.said if key in self.targets else None

    live = view


@pytest.fixture(scope="session")
def crds(apiserver: ApiServer) -> ApiServer:
    """The API server with our CRD, Strimzi's and KEDA's."""
    install_crds(apiserver, *keda.crds(Paths.from_env()))
    return apiserver


def install_crds(apiserver: ApiServer, *more: Path, pipeline: Path = ROOT / "crds" / "orderpipeline.yaml") -> None:
    """Install our CRD, Strimzi's and `more`, and wait until they can be used."""
    for file in (pipeline, *strimzi_crds(), *more):
        apiserver.kubectl("apply", "--server-side", "-f", str(file))
    apiserver.wait_served(*apiserver.kubectl("get", "crd", "-o", "jsonpath={.items[*].metadata.name}").split())


class PipelineNamespace:
    """One namespace and the reconciler on it. Verbs named after who would do it in a real cluster."""

    def __init__(self, kube: KubernetesClient, namespace: str) -> None:
        self.kube, self.namespace = kube, namespace
        self.sampler = Sampler()
        self.ahead = 0.0
        self.defaults = Defaults("producer:dev", "consumer:dev", "orderpipeline-system", "test", 60.0, 120.0)

    def reconciler(self) -> Reconciler:
        """A fresh one, as after a restart of the operator."""
        return Reconciler(self.kube, self.kube, self.sampler, self.defaults, now=self._now)

    async def reconcile(self, passes: int = 1) -> float | None:
        """Some passes over the pipeline."""
        again = None
        for _ in range(passes):
            again = await self.reconciler()((self.namespace, NAME))
        return again

    def ref(self, kind: Kind, name: str = NAME) -> Ref:
        return Ref(kind, self.namespace, name)

    async def find(self, kind: Kind, name: str = NAME) -> Manifest | None:
        try:
            return await self.kube.get(self.ref(kind, name))
        except NotFound:
            return None

    async def names(self, *wanted: Kind) -> list[str]:
        lists = [await self.kube.list(kind, self.namespace) for kind in wanted]
        return sorted(f"{item['kind']}/{item['metadata']['name']}" for items in lists for item in items)

    async def create_pipeline(self, **spec: Any) -> Manifest:
        meta = {"name": NAME, "namespace": self.namespace}
        kind = kinds.PIPELINE
        return await self.kube.create(
            {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "spec": spec}
        )

    async def edit_spec(self, **spec: Any) -> None:
        await self.kube.patch(self.ref(kinds.PIPELINE), {"spec": spec}, manager="kubectl")

    async def pipeline(self) -> Manifest:
        return await self.kube.get(self.ref(kinds.PIPELINE))

    async def condition(self, type_: str) -> dict[str, Any]:
        entries = (await self.pipeline()).get("status", {}).get("conditions", [])
        return next((entry for entry in entries if entry["type"] == type_), {})

    async def set_status(self, kind: Kind, name: str, status: Manifest) -> None:
        await self.kube.patch(self.ref(kind, name), {"status": status}, subresource="status", manager="other")

    async def strimzi_kafka(self, *conditions: dict[str, Any], listeners: bool = True) -> None:
        """Strimzi's verdict on the Kafka; Ready without arguments. Fills the CA's Secret."""
        kafka = await self.kube.get(self.ref(kinds.KAFKA))
        host = f"{NAME}-kafka-bootstrap.{self.namespace}.svc"
        wanted = kafka["spec"]["kafka"]["listeners"]
        entries = [{"name": each["name"], "bootstrapServers": f"{host}:{each['port']}"} for each in wanted]
        verdict = list(conditions) or [{"type": "Ready", "status": "True", "lastTransitionTime": TIME}]
        status = {"conditions": verdict, "observedGeneration": kafka["metadata"]["generation"]}
        await self.set_status(kinds.KAFKA, NAME, {**status, "listeners": entries if listeners else None})
        for pool in await self.kube.list(kinds.NODE_POOL, self.namespace):
            seen = {"observedGeneration": pool["metadata"]["generation"]}
            await self.set_status(kinds.NODE_POOL, pool["metadata"]["name"], seen)
        await self.secret(f"{NAME}-cluster-ca-cert", {"ca.crt": "CA"})

    async def strimzi_entities(self) -> None:
        """The topic and user operators make everything Ready, with finalizers and Secrets as they do."""
        ready = [{"type": "Ready", "status": "True", "lastTransitionTime": TIME}]
        for topic in await self.kube.list(kinds.TOPIC, self.namespace):
            name, generation = topic["metadata"]["name"], topic["metadata"]["generation"]
            finalizers = {"metadata": {"finalizers": ["strimzi.io/topic-operator"]}}
            await self.kube.patch(self.ref(kinds.TOPIC, name), finalizers, manager="other")
            await self.set_status(kinds.TOPIC, name, {"conditions": ready, "observedGeneration": generation})
        for user in await self.kube.list(kinds.USER, self.namespace):
            name, generation = user["metadata"]["name"], user["metadata"]["generation"]
            await self.set_status(kinds.USER, name, {"conditions": ready, "observedGeneration": generation})
            await self.secret(name, {"password": f"password of {name}"})

    async def secret(self, name: str, data: dict[str, str]) -> None:
        """Create or fill a Secret as Strimzi labels it."""
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        labels = {"strimzi.io/cluster": NAME, "app.kubernetes.io/managed-by": "strimzi-cluster-operator"}
        meta = {"name": name, "namespace": self.namespace, "labels": labels}
        await self.kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": encoded})

    async def pods_up(self) -> None:
        """The Deployment controller brings all pods up."""
        for deployment in await self.kube.list(kinds.DEPLOYMENT, self.namespace):
            want = deployment["spec"]["replicas"]
            available = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
            complete = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
            pods = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), want)
            seen = {"observedGeneration": deployment["metadata"]["generation"]}
            status = {**pods, **seen, "conditions": [available, complete]}
            await self.set_status(kinds.DEPLOYMENT, deployment["metadata"]["name"], status)

    async def up(self) -> None:
        """From a fresh pipeline to one whose workloads are ready."""
        await self.reconcile()
        await self.strimzi_kafka()
        await self.reconcile()
        await self.strimzi_entities()
        await self.reconcile()
        await self.pods_up()
        await self.reconcile()

    async def versions(self) -> dict[str, str]:
        """resourceVersion of everything in the namespace that we write."""
        every = (kinds.PIPELINE, kinds.EVENT, *INSTALLED)
        lists = await asyncio.gather(*(self.kube.list(kind, self.namespace) for kind in every))
        return {
            f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
            for items in lists
            for item in items
        }

    async def events(self) -> list[tuple[str, str]]:
        found = await self.kube.list(kinds.EVENT, self.namespace)
        return [(item["type"], item["reason"]) for item in sorted(found, key=lambda item: item["eventTime"] or "")]

    def _now(self) -> datetime:
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.ahead, UTC)


@asynccontextmanager
async def new_space(server: ApiServer) -> AsyncIterator[PipelineNamespace]:
    """A namespace of its own."""
    namespace = f"space-{next(_numbers)}"
    server.kubectl("create", "namespace", namespace)
    server.kubectl("-n", namespace, "create", "serviceaccount", "default")
    kube = KubernetesClient(await from_kubeconfig(str(server.kubeconfig)), timeout=60.0)
    try:
        yield PipelineNamespace(kube, namespace)
    finally:
        await kube.close()


@pytest.fixture
async def space(crds: ApiServer) -> AsyncIterator[PipelineNamespace]:
    """A namespace for one test."""
    async with new_space(crds) as made:
        yield made
