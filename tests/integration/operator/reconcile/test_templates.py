"""Templates of pods on a real API server: what is stored equals what was applied, and refusals name the field."""

import copy
from typing import Any

import pytest

from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from tests.support.pipeline_namespace import PipelineNamespace
from tests.unit.operator.domain.manifests.specs import SPECS

pytestmark = pytest.mark.integration
SECRETS = ("otel", "stock", "models")
ZEROS: dict[str, Any] = {
    "name": "zeros",
    "image": "registry.example.com/zeros:1",
    "command": [],
    "stdin": False,
    "tty": False,
    "env": [
        {"name": "EMPTY", "value": ""},
        {"name": "FIELD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1000m"}}},
    ],
    "resources": {"requests": {"cpu": "0.1", "memory": "128974848"}, "limits": {"cpu": "1000m"}},
    "readinessProbe": {
        "httpGet": {"path": "/", "port": 9000},
        "initialDelaySeconds": 0,
        "timeoutSeconds": 0,
        "periodSeconds": 0,
    },
    "lifecycle": {"preStop": {"exec": {"command": ["true"]}}},
    "volumeMounts": [
        {"name": "scratch", "mountPath": "/b", "subPath": "", "readOnly": False},
        {"name": "scratch", "mountPath": "/a"},
        {"name": "claim", "mountPath": "/claim"},
    ],
}
VOLUMES: list[dict[str, Any]] = [
    {"name": "scratch", "emptyDir": {"medium": "", "sizeLimit": "1024Mi"}},
    {
        "name": "claim",
        "ephemeral": {
            "volumeClaimTemplate": {
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}
            }
        },
    },
    {"name": "info", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
    {"name": "config", "configMap": {"name": "c", "optional": False, "items": [{"key": "k", "path": "p"}]}},
]


def _spec() -> dict[str, Any]:
    spec = copy.deepcopy(SPECS["templates"])
    pod = spec["producer"]["template"]["spec"]
    pod["containers"].append(ZEROS)
    pod["volumes"] += VOLUMES
    pod["tolerations"].append({"operator": "Exists", "key": "", "tolerationSeconds": None, "effect": ""})
    pod["hostAliases"] = []
    return spec


async def _deployment(space: PipelineNamespace, name: str = "shop-producer") -> Manifest:
    return await space.kube.get(space.ref(kinds.DEPLOYMENT, name))


async def test_nothing_is_written_again_because_of_the_api_servers_defaults(space: PipelineNamespace) -> None:
    await space.create_pipeline(**_spec())
    for name in SECRETS:
        await space.secret(name, {"token": "t", "k": "v"})
    await space.up()
    names = [each["name"] for each in (await _deployment(space))["spec"]["template"]["spec"]["containers"]]
    assert names == ["producer", "collector", "zeros"]
    status = (await space.pipeline())["status"]
    assert (await space.condition("Degraded"))["status"] == "False", status
    assert (await space.condition("Ready"))["status"] == "True", status
    assert "warnings" not in status, "nothing is contested"
    before = await space.versions()
    await space.reconcile(3)
    assert await space.versions() == before


async def test_what_leaves_the_template_leaves_the_pods(space: PipelineNamespace) -> None:
    template = {"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "side", "image": "x"}]}}
    await space.create_pipeline(producer={"template": template})
    await space.up()
    with_it = (await _deployment(space))["spec"]["template"]
    assert with_it["metadata"]["labels"]["a"] == "1"
    await space.edit_spec(producer={"template": None})
    await space.reconcile()
    without = (await _deployment(space))["spec"]["template"]
    assert [each["name"] for each in without["spec"]["containers"]] == ["producer"]
    assert "a" not in without["metadata"]["labels"]


@pytest.mark.parametrize(
    ("pod", "path"),
    [
        ({"tolerations": [{"key": "a", "operator": "Equals"}]}, "tolerations[0].operator"),
        ({"containers": [{"name": "side"}]}, "containers[0].image"),
        (
            {"containers": [{"name": "producer", "volumeMounts": [{"name": "w", "mountPath": "/w"}]}]},
            "containers[0].volumeMounts[0].name",
        ),
        ({"containers": [{"name": "side", "image": "x", "comand": ["x"]}]}, "containers[0].comand"),
        (
            {"containers": [{"name": "side", "image": "x", "env": [{"name": "A", "value": 1}]}]},
            "containers[0].env[0].value",
        ),
    ],
)
async def test_what_the_api_server_refuses_is_named_and_changes_nothing(
    space: PipelineNamespace, pod: dict[str, Any], path: str
) -> None:
    await space.create_pipeline()
    await space.up()
    before = (await _deployment(space))["spec"]
    await space.edit_spec(producer={"template": {"spec": pod}})
    await space.reconcile(2)
    assert (await _deployment(space))["spec"] == before
    degraded = await space.condition("Degraded")
    assert degraded["status"] == "True"
    assert degraded["message"].startswith(f"spec.producer.template.spec.{path}: "), degraded["message"]
    assert (await space.condition("Stalled"))["status"] == "True"
    await space.edit_spec(producer={"template": None})
    await space.reconcile()
    assert (await space.condition("Degraded"))["status"] == "False"


async def test_what_the_operator_sets_is_refused_with_the_path(space: PipelineNamespace) -> None:
    await space.create_pipeline(consumer={"template": {"spec": {"serviceAccountName": "mine"}}})
    await space.reconcile()
    accepted = await space.condition("Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "TemplateConflict")
    assert accepted["message"].startswith("spec.consumer.template.spec.serviceAccountName: ")
