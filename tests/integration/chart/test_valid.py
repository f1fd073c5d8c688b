"""The chart is valid for Helm, kubeconform and a real API server, with every set of values in its ci folder."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.native import build
from hack.native.config import Paths
from orderpipeline_operator.domain.kubernetes.kinds import POD_MONITOR
from tests.integration.chart.kubeschemas import write_crd_schema, write_schemas
from tests.support.apiserver import ApiServer
from tests.support.helm import CHART, NAMESPACE, VALUES, Helm, values_name

pytestmark = pytest.mark.integration
every_values = pytest.mark.parametrize("values", VALUES, ids=values_name)
CERT_MANAGER = "cert-manager.io/v1"


@pytest.fixture(scope="module")
def schemas(apiserver: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JSON schemas of the API server's own kinds and the Prometheus operator's."""
    folder = tmp_path_factory.mktemp("schemas")
    assert write_schemas(json.loads(apiserver.kubectl("get", "--raw", "/openapi/v2")), folder) > 50
    for file in build.ensure_files(Paths.from_env(), "prometheus-operator"):
        write_crd_schema(yaml.safe_load(file.read_text()), folder)
    return folder


@every_values
def test_helm_lint_has_nothing_to_say(helm: Helm, values: Path | None) -> None:
    files = ("--values", str(values)) if values else ()
    done = helm.run("lint", str(CHART), "--strict", "--kube-version", "1.36.0", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


@every_values
def test_kubeconform_accepts_it(helm: Helm, schemas: Path, values: Path | None) -> None:
    objects = [each for each in helm.objects(values=values) if each["apiVersion"] != CERT_MANAGER]
    done = helm.kubeconform(_dump(objects), schemas)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Skipped: 0" in done.stdout


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("spec", "replicas"), "two", "/spec/replicas"),
        (("spec", "template", "spec", "containers", 0, "imagePullPolice"), "Always", "imagePullPolice"),
        (("spec", "selector"), None, "selector"),
    ],
    ids=["wrong-type", "unknown-field", "missing-field"],
)
def test_kubeconform_refuses_what_is_wrong(
    helm: Helm, schemas: Path, path: tuple[str | int, ...], value: Any, complaint: str
) -> None:
    deployment = next(each for each in helm.objects() if each["kind"] == "Deployment")
    node: Any = deployment
    for step in path[:-1]:
        node = node[step]
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    done = helm.kubeconform(_dump([deployment]), schemas)
    assert done.returncode != 0
    assert complaint in done.stdout


@every_values
def test_a_real_api_server_accepts_it(helm: Helm, apiserver: ApiServer, values: Path | None) -> None:
    for namespace in (NAMESPACE, "team-a", "team-b"):
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        apiserver.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(manifest))
    apply = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
    objects = _built_in(helm.objects(values=values))
    done = apiserver.try_kubectl(*apply, input=_dump(objects))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("serverside-applied") == len(objects)
    assert "Warning" not in done.stderr


def _built_in(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the kinds of others, which a bare API server does not know."""
    return [each for each in objects if each["apiVersion"] not in (CERT_MANAGER, POD_MONITOR.api_version)]


def _dump(objects: list[dict[str, Any]]) -> str:
    return yaml.dump_all(objects, Dumper=yaml.CSafeDumper)
