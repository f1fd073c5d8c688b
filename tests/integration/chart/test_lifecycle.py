"""Install, upgrade and uninstall against a real API server. Nothing runs the pods here; tests/e2e does that."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.apiserver import ApiServer, run_apiserver
from tests.support.helm import CHART, Helm

pytestmark = pytest.mark.integration
NAMESPACE = "chart-lifecycle"
CRD = "orderpipelines.orderpipeline.dev"
SECRET = "shop-orderpipeline-metrics-tls"
API = "v1beta1.external.metrics.k8s.io"


class Release:
    """The chart as a release in a namespace of its own."""

    def __init__(self, helm: Helm, server: ApiServer, name: str = "shop") -> None:
        self._helm = helm
        self._server = server
        self._name = name

    def upgrade(self, *settings: str, flags: tuple[str, ...] = ()) -> None:
        done = self.try_upgrade(*settings, flags=flags)
        assert done.returncode == 0, done.stderr

    def try_upgrade(self, *settings: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        sets = [word for setting in settings for word in ("--set", setting)]
        return self._run("upgrade", "--install", self._name, str(CHART), "--create-namespace", *sets, *flags)

    def uninstall(self) -> None:
        done = self._run("uninstall", self._name, "--ignore-not-found")
        assert done.returncode == 0, done.stderr

    def get(self, *arguments: str, namespace: str = NAMESPACE) -> dict[str, Any]:
        """One object as JSON; empty where it does not exist."""
        text = self._server.kubectl("get", *arguments, "-n", namespace, "--ignore-not-found", "-o", "json")
        return dict(json.loads(text)) if text.strip() else {}

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._helm.run(*arguments, "--namespace", NAMESPACE, f"--kubeconfig={self._server.kubeconfig}")


@pytest.fixture(scope="module")
def apiserver() -> Iterator[ApiServer]:
    """An API server of this module's own: these tests install and remove the CRD that others need in place."""
    with run_apiserver() as server:
        yield server


@pytest.fixture
def release(helm: Helm, apiserver: ApiServer) -> Iterator[Release]:
    release = Release(helm, apiserver)
    yield release
    release.uninstall()
    apiserver.kubectl("delete", "crd", CRD, "--ignore-not-found")


def test_an_upgrade_keeps_the_certificate_and_restarts_nothing(release: Release) -> None:
    release.upgrade()
    before = release.get("secret", SECRET)["data"]
    template = release.get("deployment", "shop-orderpipeline")["spec"]["template"]
    release.upgrade("podDisruptionBudget.enabled=false")
    assert release.get("secret", SECRET)["data"] == before
    assert release.get("apiservice", API)["spec"]["caBundle"] == before["ca.crt"]
    assert release.get("deployment", "shop-orderpipeline")["spec"]["template"] == template
    assert release.get("pdb", "shop-orderpipeline") == {}


def test_a_deleted_certificate_is_made_anew_with_its_ca_and_new_pods(release: Release, apiserver: ApiServer) -> None:
    release.upgrade()
    before = release.get("secret", SECRET)["data"]
    template = release.get("deployment", "shop-orderpipeline")["spec"]["template"]
    apiserver.kubectl("delete", "secret", SECRET, "-n", NAMESPACE)
    release.upgrade()
    after = release.get("secret", SECRET)["data"]
    assert after["ca.crt"] != before["ca.crt"]
    assert release.get("apiservice", API)["spec"]["caBundle"] == after["ca.crt"]
    assert release.get("deployment", "shop-orderpipeline")["spec"]["template"] != template


def test_uninstalling_keeps_the_crd_and_the_pipelines_and_nothing_else(release: Release, apiserver: ApiServer) -> None:
    release.upgrade()
    pipeline = {
        "apiVersion": "orderpipeline.dev/v1alpha1",
        "kind": "OrderPipeline",
        "metadata": {"name": "shop"},
        "spec": {},
    }
    apiserver.wait_served(CRD)
    apiserver.kubectl("apply", "-n", NAMESPACE, "-f", "-", input=json.dumps(pipeline))
    release.uninstall()
    assert release.get("orderpipeline", "shop")["metadata"]["name"] == "shop"
    assert release.get("apiservice", API) == {}
    selector = "app.kubernetes.io/instance=shop"
    kinds = "deployment,service,secret,serviceaccount,role,rolebinding,pdb,networkpolicy,clusterrole,clusterrolebinding"
    assert apiserver.kubectl("get", kinds, "--all-namespaces", "-l", selector, "-o", "name") == ""
    release.upgrade()  # the kept CRD is taken over again
    assert release.get("orderpipeline", "shop")["metadata"]["name"] == "shop"


@pytest.mark.parametrize(
    ("settings", "flags", "owner"), [((), ("--take-ownership",), "store"), (("crds.enabled=false",), (), "shop")]
)
def test_a_release_of_another_name_gets_the_kept_crd_only_when_told_how(
    release: Release, helm: Helm, apiserver: ApiServer, settings: tuple[str, ...], flags: tuple[str, ...], owner: str
) -> None:
    release.upgrade()
    release.uninstall()
    other = Release(helm, apiserver, "store")
    try:
        refused = other.try_upgrade()
        assert refused.returncode != 0
        assert "invalid ownership metadata" in refused.stderr
        other.upgrade(*settings, flags=flags)
        assert release.get("crd", CRD)["metadata"]["annotations"]["meta.helm.sh/release-name"] == owner
    finally:
        other.uninstall()


def test_changing_to_roles_only_takes_the_cluster_wide_rights_away(release: Release, apiserver: ApiServer) -> None:
    account = f"--as=system:serviceaccount:{NAMESPACE}:shop-orderpipeline"
    release.upgrade()
    apiserver.wait_may("list", "deployments.apps", account, "-n", "default")
    release.upgrade(f"watchNamespaces={{{NAMESPACE}}}")
    apiserver.wait_may("list", "deployments.apps", account, "-n", NAMESPACE)
    apiserver.wait_may("list", "deployments.apps", account, "-n", "default", may=False)
    apiserver.wait_may("get", "secrets", account, "-n", "default", may=False)


@pytest.mark.parametrize("group", ["view", "edit"])
def test_users_get_pipelines_by_the_aggregated_roles(release: Release, apiserver: ApiServer, group: str) -> None:
    release.upgrade()
    role = f"{NAMESPACE}:shop-orderpipeline:{group}"
    labels = release.get("clusterrole", role)["metadata"]["labels"]
    assert labels[f"rbac.authorization.k8s.io/aggregate-to-{group}"] == "true"
    apiserver.kubectl(
        "create", "rolebinding", f"a-{group}", f"--clusterrole={role}", f"--user=ann-{group}", "-n", NAMESPACE
    )
    try:
        verb = "list" if group == "view" else "create"
        apiserver.wait_may(verb, "orderpipelines", f"--as=ann-{group}", "-n", NAMESPACE)
        apiserver.wait_may(verb, "secrets", f"--as=ann-{group}", "-n", NAMESPACE, may=False)
    finally:
        apiserver.kubectl("delete", "rolebinding", f"a-{group}", "-n", NAMESPACE)
