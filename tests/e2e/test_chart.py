"""The chart on the whole cluster: an upgrade disturbs nothing, Roles are enough, pipelines outlive the release."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]
SYSTEM = "orderpipeline-system"
API = "v1beta1.external.metrics.k8s.io"
ROLES = "chart-roles"


VALUES = ("--values", "hack/native/chart-values.yaml", "--values", "-")


def helm(cluster: Cluster, *arguments: str) -> str:
    """Runs helm; where VALUES are among the arguments, the images that were built last are its standard input."""
    images = cluster.run("hack/cluster", "values") if "-" in arguments else None
    return cluster.run("hack/cluster", "helm", *arguments, stdin=images, timeout=900)


def install(cluster: Cluster) -> None:
    """As hack/up does."""
    values = (*VALUES, "--wait", "--timeout", "600s")
    helm(cluster, "upgrade", "--install", "orderpipeline", "charts/orderpipeline", "--namespace", SYSTEM, *values)


def pods(cluster: Cluster, namespace: str, selector: str) -> dict[str, str]:
    """Name to uid of the pods that are not ending."""
    items = cluster.get("pods", "-n", namespace, "-l", selector)["items"]
    return {
        item["metadata"]["name"]: item["metadata"]["uid"]
        for item in items
        if "deletionTimestamp" not in item["metadata"]
    }


def api_available(cluster: Cluster) -> bool:
    conditions = cluster.get("apiservice", API).get("status", {}).get("conditions", [])
    return any(each["type"] == "Available" and each["status"] == "True" for each in conditions)


def test_an_upgrade_without_changes_restarts_nothing(cluster: Cluster) -> None:
    install(cluster)
    before = pods(cluster, SYSTEM, "app.kubernetes.io/component=operator")
    certificate = cluster.get("secret", "orderpipeline-metrics-tls", "-n", SYSTEM)["data"]
    install(cluster)
    assert pods(cluster, SYSTEM, "app.kubernetes.io/component=operator") == before
    assert cluster.get("secret", "orderpipeline-metrics-tls", "-n", SYSTEM)["data"] == certificate
    wait_until("the metrics API is available", lambda: api_available(cluster), seconds=180)


def test_the_hpa_controller_and_no_stranger_reads_the_metrics(cluster: Cluster) -> None:
    path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/orderpipeline_desired_consumers"
    wait_until("the metrics API is available", lambda: api_available(cluster), seconds=180)
    controller = "--as=system:serviceaccount:kube-system:horizontal-pod-autoscaler"
    text = wait_until("it reads", lambda: cluster.kubectl("get", "--raw", path, controller), seconds=180)
    listing = json.loads(text)
    assert listing["kind"] == "ExternalMetricValueList"
    with pytest.raises(AssertionError, match=r"(?i)forbidden"):
        cluster.kubectl("get", "--raw", path, "--as=system:serviceaccount:default:stranger")


@pytest.fixture
def roles_only(cluster: Cluster) -> Iterator[tuple[str, ...]]:
    """Arguments of a second release that serves one namespace by Roles; both are gone afterwards."""
    cluster.kubectl("create", "namespace", ROLES)
    off = "crds.enabled=false,rbac.aggregate=false,metricsApi.enabled=false"
    values = (*VALUES, "--set", f"{off},watchNamespaces={{{ROLES}}}")
    yield ("upgrade", "--install", "roles", "charts/orderpipeline", "--namespace", ROLES, *values, "--wait")
    helm(cluster, "uninstall", "roles", "--namespace", ROLES, "--ignore-not-found", "--wait")
    cluster.kubectl("delete", "namespace", ROLES)


def test_roles_alone_are_enough_to_serve_a_namespace(cluster: Cluster, roles_only: tuple[str, ...]) -> None:
    helm(cluster, *roles_only, "--set", "operator.replicas=1")
    name = "roles-orderpipeline"
    lease = ("lease", name, "-n", ROLES)
    wait_until("a leader", lambda: cluster.get(*lease).get("spec", {}).get("holderIdentity"), seconds=180)
    first = pods(cluster, ROLES, "app.kubernetes.io/component=operator")
    logs = ("logs", f"deployment/{name}", "-n", ROLES)
    wait_until("it says so", lambda: '"leading"' in cluster.kubectl(*logs), seconds=180)
    assert "orbidden" not in cluster.kubectl(*logs)
    helm(cluster, *roles_only, "--set", "operator.replicas=2")
    assert first.items() <= pods(cluster, ROLES, "app.kubernetes.io/component=operator").items()
    account = f"--as=system:serviceaccount:{ROLES}:{name}"
    assert may(cluster, "create", "kafkas.kafka.strimzi.io", account, "-n", ROLES)
    assert not may(cluster, "get", "secrets", account, "-n", "default")
    assert not may(cluster, "list", "orderpipelines.orderpipeline.dev", account, "--all-namespaces")
    helm(cluster, "uninstall", "roles", "--namespace", ROLES, "--wait")
    kinds = (
        "deployments,services,serviceaccounts,roles,rolebindings,pdb,networkpolicies,clusterroles,clusterrolebindings"
    )
    assert cluster.kubectl("get", kinds, "-A", "-l", "app.kubernetes.io/instance=roles", "-o", "name") == ""


def test_pipelines_go_on_without_the_operator_and_are_taken_up_again(cluster: Cluster) -> None:
    wait_until("shop is settled", cluster.settled, seconds=600, every=2)
    producers = pods(cluster, "default", "app.kubernetes.io/instance=shop,app.kubernetes.io/component=producer")
    assert producers
    try:
        helm(cluster, "uninstall", "orderpipeline", "--namespace", SYSTEM, "--wait")
        assert cluster.get("apiservice", API) == {}
        assert cluster.get("orderpipeline", "shop")["status"]["endpoints"]
        assert (
            pods(cluster, "default", "app.kubernetes.io/instance=shop,app.kubernetes.io/component=producer")
            == producers
        )
    finally:
        install(cluster)
    wait_until("shop is settled", cluster.settled, seconds=600, every=2)
    wait_until("the metrics API is available", lambda: api_available(cluster), seconds=180)
    assert pods(cluster, "default", "app.kubernetes.io/instance=shop,app.kubernetes.io/component=producer") == producers


def may(cluster: Cluster, verb: str, resource: str, *arguments: str) -> bool:
    return cluster.kubectl("auth", "can-i", verb, resource, *arguments, check=False).strip() == "yes"
