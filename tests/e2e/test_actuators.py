"""The three ways to move consumers, on the whole cluster under load: an HPA, KEDA, the operator itself."""

import time
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Cluster, wait_until
from tests.e2e.scaling import CONSUMER, Consumers, Costs, Load, autoscaling, wait_active
from tests.e2e.test_chart import API, SYSTEM, VALUES, api_available, helm, install

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

STEADY = 4
"""Consumers of 12 partitions while orders arrive: one for three."""
QUICK = {"idleAfter": "20s", "stabilizationDown": "10s", "pollInterval": "1s"}
USUAL = {"backend": None, "mode": "Auto", "replicas": None, "min": 1}


@pytest.fixture
def shop(cluster: Cluster) -> Iterator[Cluster]:
    """shop, quick to scale, and as in its example afterwards."""
    wait_until("shop Ready", cluster.settled, seconds=600, every=2)
    autoscaling(cluster, **USUAL, **QUICK)
    yield cluster
    autoscaling(cluster, **USUAL)
    cluster.apply("examples/shop.yaml")
    wait_until("shop Ready", cluster.settled, seconds=600, every=2)


@pytest.fixture
def keda(cluster: Cluster) -> Iterator[None]:
    """KEDA, which owns the cluster's external metrics; ours are turned off meanwhile."""
    command = ("upgrade", "--install", "orderpipeline", "charts/orderpipeline", "--namespace", SYSTEM, *VALUES)
    try:
        helm(cluster, *command, "--set", "metricsApi.enabled=false", "--wait", "--timeout", "600s")
        cluster.run("hack/cluster", "keda", "up", timeout=3000)
        yield
    finally:
        cluster.run("hack/cluster", "keda", "down", timeout=900)
        install(cluster)
        wait_until("the metrics API is ours again", lambda: api_available(cluster), seconds=300)


def test_an_hpa_and_the_operator_itself_move_consumers_and_may_take_turns(shop: Cluster) -> None:
    wait_active(shop, "True")
    with Consumers(shop) as consumers:
        with Load() as load:
            consumers.wait("more consumers by the HPA", lambda n: n >= STEADY, seconds=300)
            steady = time.monotonic()
            autoscaling(shop, backend="Direct")
            wait_active(shop, "True", "Following")
            wait_until("the HPA is gone", lambda: not shop.get("hpa", CONSUMER), seconds=180)
            autoscaling(shop, mode="Recommend")
            wait_active(shop, "False", "Recommend")
            autoscaling(shop, mode="Off")
            wait_active(shop, "False", "Off")
            autoscaling(shop, mode="Auto")
            wait_active(shop, "True", "Following")
            assert min(consumers.since(steady)) >= STEADY, consumers.told

            edited = time.monotonic()
            shop.kubectl("scale", "deployment", CONSUMER, "--replicas=2")
            wait_until("the foreign edit is told", lambda: 2 in consumers.since(edited), seconds=60)
            consumers.wait("a foreign edit put right", lambda n: n >= STEADY, seconds=180)
            steady = time.monotonic()
            autoscaling(shop, backend="ExternalMetrics")
            wait_active(shop, "True", "Following")
            assert min(consumers.since(steady)) >= STEADY, consumers.told
            autoscaling(shop, backend="Direct")
            wait_active(shop, "True", "Following")
            assert load.taken > 0
            wait_until("all are ready", lambda: len(ready_pods(shop)) == consumers.now, seconds=180)
        with Costs() as costs:
            consumers.wait("one consumer again", lambda n: n == 1, seconds=300)
            wait_until("the others are gone", lambda: len(ready_pods(shop)) == 1, seconds=180)
        (left,) = ready_pods(shop)
        assert costs.told[left] == 0, costs.told
        assert all(cost < 0 for name, cost in costs.told.items() if name != left), costs.told


def test_keda_moves_consumers_and_its_failed_reads_none(shop: Cluster, keda: None) -> None:
    foreign = wait_active(shop, "False", "ForeignMetricsAPI", seconds=600)
    assert "belongs to keda/" in foreign["message"]
    assert "autoscaling.backend to KEDA or Direct" in foreign["message"]
    assert shop.get("apiservice", API)["spec"]["service"]["namespace"] == "keda", "it was not taken"

    autoscaling(shop, backend="KEDA", min=0)
    wait_active(shop, "True")
    with Consumers(shop) as consumers:
        consumers.wait("no consumers while idle", lambda n: n == 0, seconds=300)
        wait_active(shop, "True", "ScaledToZero")
        with Load():
            consumers.wait("more consumers by KEDA", lambda n: n >= STEADY, seconds=600)
            wait_active(shop, "True", "Following")
            steady = time.monotonic()
            operator_away(shop)
            assert min(consumers.since(steady)) >= STEADY, consumers.told
            wait_active(shop, "True", "Following", seconds=600)
            autoscaling(shop, backend="Direct")
            wait_active(shop, "True", "Following")
            wait_until("the ScaledObject is gone", lambda: not shop.get("scaledobject", CONSUMER), seconds=180)
            wait_until("KEDA's HPA is gone", lambda: not shop.get("hpa", f"keda-hpa-{CONSUMER}"), seconds=180)
            assert min(consumers.since(steady)) >= STEADY, consumers.told
        consumers.wait("no consumers while idle", lambda n: n == 0, seconds=300)


def ready_pods(cluster: Cluster) -> set[str]:
    """Names of the consumers' pods that are ready and not going."""
    found = cluster.get("pods", "-l", "app.kubernetes.io/instance=shop,app.kubernetes.io/component=consumer")
    return {
        pod["metadata"]["name"]
        for pod in found.get("items", [])
        if not pod["metadata"].get("deletionTimestamp")
        and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
    }


def operator_away(cluster: Cluster) -> None:
    """All of the operator's pods are gone until KEDA has met that, and for 15 seconds more."""
    replicas = cluster.get("deployment", "orderpipeline", "-n", SYSTEM)["spec"]["replicas"]
    cluster.kubectl("scale", "deployment", "orderpipeline", "-n", SYSTEM, "--replicas=0")
    try:
        wait_until("KEDA notices", lambda: not condition(cluster, "Ready"), seconds=300)
        time.sleep(15)
        assert not condition(cluster, "Ready")
    finally:
        cluster.kubectl("scale", "deployment", "orderpipeline", "-n", SYSTEM, f"--replicas={replicas}")
        cluster.kubectl("rollout", "status", "deployment/orderpipeline", "-n", SYSTEM, "--timeout=280s")


def condition(cluster: Cluster, kind: str) -> bool:
    """Whether a condition of shop's ScaledObject is True."""
    entries = cluster.get("scaledobject", CONSUMER).get("status", {}).get("conditions", [])
    return any(entry["type"] == kind and entry["status"] == "True" for entry in entries)
