"""What is rendered is what a real API server takes, with Strimzi's real CRDs and unknown fields refused."""

import json
from collections.abc import Iterator

import pytest

from hack.native import build
from hack.native.config import Paths
from orderpipeline_operator.domain.kubernetes.kinds import MONITORING_KINDS
from orderpipeline_operator.domain.kubernetes.names import FIELD_MANAGER
from tests.support.apiserver import ApiServer
from tests.unit.operator.domain.manifests.specs import SPECS, bundle

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def namespace(crds: ApiServer) -> Iterator[str]:
    """A namespace while the Gateway API and the Prometheus operator's kinds are served too; other tests count on their
    absence."""
    paths = Paths.from_env()
    build.ensure(paths, ["contour"])
    files = (paths.share / "gateway-crds.yaml", *build.ensure_files(paths, "prometheus-operator"))
    more = tuple(f"--filename={file}" for file in files)
    crds.kubectl("apply", "--server-side", *more)
    crds.wait_served("httproutes.gateway.networking.k8s.io", *(f"{k.plural}.{k.group}" for k in MONITORING_KINDS))
    crds.kubectl("create", "namespace", "store")
    yield "store"
    crds.kubectl("delete", *more, "--wait=false")
    assert any(_gone(crds, more, look) for look in range(20))


def _gone(crds: ApiServer, files: tuple[str, ...], look: int) -> bool:
    """Whether the CRDs are gone, within 15 s.

    The API server doubles the time to its next try with each that fails, such as while it opens the storage of what was
    made a moment ago; a change of the CRD lets it try at once.
    """
    crds.try_kubectl("annotate", "--overwrite", *files, f"look={look}")
    return crds.try_kubectl("wait", "--for=delete", *files, "--timeout=15s").returncode == 0


@pytest.mark.parametrize("name", SPECS)
def test_every_manifest_is_taken(crds: ApiServer, namespace: str, name: str) -> None:
    manifests = bundle(SPECS[name]).manifests()
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    result = crds.kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", f"--field-manager={FIELD_MANAGER}",
        "-n", namespace, "-f", "-", input=text,
    )  # fmt: skip
    assert len(result.splitlines()) == len(manifests)


def test_an_unknown_field_would_be_refused(crds: ApiServer, namespace: str) -> None:
    topic = next(m for m in bundle({}).manifests() if m["kind"] == "KafkaTopic")
    text = json.dumps({**topic, "spec": {**topic["spec"], "partitons": 3}})
    result = crds.try_kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", input=text)
    assert result.returncode != 0
    assert "partitons" in result.stderr


def test_the_pods_meet_the_restricted_pod_security_standard(crds: ApiServer) -> None:
    # With its label from the start: the API server may look at a namespace as it was a moment ago.
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "restricted", "labels": labels}}
    crds.kubectl("create", "-f", "-", input=json.dumps(namespace))
    for deployment in (m for m in bundle(SPECS["everything"]).manifests() if m["kind"] == "Deployment"):
        template = deployment["spec"]["template"]
        name = template["spec"]["serviceAccountName"]
        crds.kubectl("create", "serviceaccount", name, "-n", "restricted")
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "restricted", **template["metadata"]},
            "spec": template["spec"],
        }
        crds.kubectl("apply", "--dry-run=server", "-f", "-", input=json.dumps(pod))
        loose = {**pod, "spec": {**pod["spec"], "hostNetwork": True}}
        result = crds.try_kubectl("apply", "--dry-run=server", "-f", "-", input=json.dumps(loose))
        assert "violates PodSecurity" in result.stderr
