"""A pass that would see what the last one saw, and found nothing to do then, is left out."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from orderpipeline_operator.domain.kubernetes import kinds, names
from orderpipeline_operator.domain.kubernetes.kinds import Key, Kind, Manifest, Ref, ref_of
from orderpipeline_operator.domain.planning.observed import Scaling
from orderpipeline_operator.errors import NotFound
from orderpipeline_operator.reconcile.reconciler import Defaults, Reconciler
from orderpipeline_operator.sampling.target import Target
from tests.unit.operator.samples import READY, pipeline_cr

KEY = ("default", "shop")
CONSUMER = Ref(kinds.DEPLOYMENT, "default", names.consumer("shop"))
DEFAULTS = Defaults("producer", "consumer", "system", "me", 60.0, 120.0, metrics_service="orderpipeline-metrics")


class Cluster:
    """Reads, writes and the sampler; whatever is applied is Ready at once. `looked` counts looks at the children."""

    def __init__(self) -> None:
        self.cr = pipeline_cr(finalizers=["orderpipeline.dev/teardown"])
        self.objects: dict[Ref, Manifest] = {}
        self.watched, self.number = True, 1
        self.apiservice: Manifest | None = None
        self.said: Scaling | None = Scaling(orders=0, seconds=0.0, partitions=12, desired=1, why="Idle")
        self.looked, self.written = 0, list[str]()
        self.now = datetime(2026, 12, 1, tzinfo=UTC)
        self.meanwhile: Callable[[], None] = lambda: None

    def changed(self) -> None:
        self.number += 1

    def revision(self, key: Key, secrets: Iterable[str]) -> object | None:
        return self.number if self.watched else None

    async def get(self, ref: Ref) -> Manifest:
        if ref.kind == kinds.PIPELINE:
            return self.cr
        if ref.kind == kinds.SECRET:
            return {"metadata": {"name": ref.name}, "data": {"password": "eA==", "ca.crt": "eA=="}}
        if ref.name == "v1beta1.external.metrics.k8s.io" and self.apiservice is not None:
            return self.apiservice
        raise NotFound(str(ref), 404, "NotFound", "")

    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]:
        self.looked += 1
        self.meanwhile()
        return tuple(each for ref, each in self.objects.items() if ref.kind == kind)

    async def make(self, manifest: Manifest) -> Manifest:
        return await self.apply(manifest)

    async def apply(self, manifest: Manifest, **_: Any) -> Manifest:
        ref = ref_of(manifest)
        self.written.append(str(ref))
        meta = {**manifest["metadata"], "uid": ref.name, "generation": 1, "resourceVersion": str(self.number)}
        status: Manifest = {"observedGeneration": 1, "conditions": [READY]}
        made = {**manifest, "metadata": meta, "status": status}
        if ref.kind == kinds.KAFKA:
            status["listeners"] = [{"name": "tls", "bootstrapServers": "kafka:9093"}]
        if ref.kind == kinds.DEPLOYMENT:
            made["spec"] = {"replicas": 1, **made["spec"]}
            status |= {"replicas": 1, "readyReplicas": 1, "conditions": [{**READY, "type": "Available"}]}
        self.objects[ref] = made
        self.changed()
        return made

    async def apply_status(self, manifest: Manifest) -> Manifest:
        self.written.append("status")
        self.cr = {**self.cr, "status": manifest["status"]}
        self.cr["metadata"] = {**self.cr["metadata"], "resourceVersion": str(1000 + len(self.written))}
        return self.cr

    async def create(self, manifest: Manifest) -> Manifest:
        return manifest

    async def patch(self, ref: Ref, body: Mapping[str, Any], **_: Any) -> Manifest:
        self.written.append(f"patch {ref}")
        return self.cr

    async def delete(self, ref: Ref, **_: Any) -> None:
        raise AssertionError(ref)

    def track(self, target: Target) -> None: ...

    def forget(self, key: Key) -> None: ...

    def view(self, key: Key) -> Scaling | None:
        return self.said

    live = view


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def reconciler(cluster: Cluster) -> Reconciler:
    """Of a pipeline that is up, with all written that there is to write."""
    made = Reconciler(cluster, cluster, cluster, DEFAULTS, now=lambda: cluster.now, revision=cluster.revision)
    for _ in range(8):
        cluster.written.clear()
        assert await made(KEY) == 60.0
        if not cluster.written:
            break
    assert not cluster.written, "it comes to rest"
    first = cluster.cr["status"]["conditions"][0]
    assert (first["type"], first["status"]) == ("Ready", "True")
    assert len(cluster.objects) > 10
    return made


async def looks(reconciler: Reconciler, cluster: Cluster) -> int:
    cluster.looked = 0
    assert await reconciler(KEY) == 60.0
    return cluster.looked


async def test_what_is_settled_is_not_looked_at_again(cluster: Cluster, reconciler: Reconciler) -> None:
    assert [await looks(reconciler, cluster) for _ in range(3)] == [0, 0, 0]


def new_version(cluster: Cluster) -> None:
    cluster.cr = {**cluster.cr, "metadata": {**cluster.cr["metadata"], "resourceVersion": "9"}}


def new_lag(cluster: Cluster) -> None:
    cluster.said = Scaling(orders=5, seconds=1.0, partitions=12, desired=1, why="Demand")


def edited(cluster: Cluster) -> None:
    cluster.objects[CONSUMER]["spec"]["template"] = {}
    cluster.changed()


def unwatched(cluster: Cluster) -> None:
    cluster.watched = False


@pytest.mark.parametrize("change", [new_version, new_lag, edited, unwatched])
async def test_any_change_is_looked_at(
    change: Callable[[Cluster], None], cluster: Cluster, reconciler: Reconciler
) -> None:
    change(cluster)
    assert await looks(reconciler, cluster) > 0
    assert any(CONSUMER.name in one for one in cluster.written) is (change is edited)


async def test_what_is_not_watched_is_looked_at_each_time(cluster: Cluster, reconciler: Reconciler) -> None:
    unwatched(cluster)
    assert all([await looks(reconciler, cluster) for _ in range(3)])


async def test_a_change_during_a_pass_is_looked_at(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.meanwhile = cluster.changed
    cluster.changed()
    assert all([await looks(reconciler, cluster) for _ in range(3)])
    cluster.meanwhile = lambda: None
    assert await looks(reconciler, cluster) > 0
    assert await looks(reconciler, cluster) == 0


async def test_whether_external_metrics_come_from_here_is_still_asked(cluster: Cluster, reconciler: Reconciler) -> None:
    active = next(one for one in cluster.cr["status"]["conditions"] if one["type"] == "AutoscalingActive")
    assert active["reason"] == "NoMetricsAPI"
    service = {"namespace": "system", "name": "orderpipeline-metrics"}
    cluster.apiservice = {"spec": {"service": service}}
    cluster.now = datetime(2026, 12, 1, 0, 1, tzinfo=UTC)
    assert await looks(reconciler, cluster) > 0
    assert cluster.written == ["status"]


@pytest.mark.parametrize("ready_pods", [1, 0])
async def test_what_becomes_overdue_by_time_is_looked_at(
    ready_pods: int, cluster: Cluster, reconciler: Reconciler
) -> None:
    status = cluster.objects[CONSUMER]["status"]
    since = "2026-11-30T23:59:50Z"
    status["conditions"] = [{"type": "Available", "status": "False", "lastTransitionTime": since}]
    status["readyReplicas"] = ready_pods
    cluster.changed()
    await looks(reconciler, cluster)
    assert all([await looks(reconciler, cluster) for _ in range(3)])
    ready = cluster.cr["status"]["conditions"][0]["status"]
    assert ready == ("True" if ready_pods else "False"), "the pod that is missing is a new one or the only one"
    cluster.now = datetime(2026, 12, 1, 1, tzinfo=UTC)
    await looks(reconciler, cluster)
    assert cluster.cr["status"]["conditions"][0]["status"] == "False"
