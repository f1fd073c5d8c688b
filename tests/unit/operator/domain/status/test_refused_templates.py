"""A refusal of the API server names the field of the template that is to be corrected."""

from dataclasses import replace
from typing import Any

import pytest

from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.planning.plan import Plan
from tests.unit.operator.domain.status.samples import GOOD, all_ready, built, message, verdicts
from tests.unit.operator.samples import stages

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"team": "two words"}},
    "spec": {
        "tolerations": [{"key": "a", "operator": "Equals"}],
        "volumes": [{"name": "data"}],
        "containers": [
            {"name": "side", "image": "x", "env": [{"name": "A", "value": 1}]},
            {"name": "producer", "env": [{"name": "B", "value": 1}]},
        ],
    },
}
HEAD = 'apply Deployment default/shop-producer: Deployment.apps "shop-producer" is invalid: '


def _status(failure: str, template: dict[str, Any] | None = None) -> Manifest:
    spec = {"producer": {"template": TEMPLATE if template is None else template}}
    workloads = stages(**spec)[-1].manifests
    found = replace(GOOD, plan=Plan(apply=workloads), failures=(failure,))
    return built(all_ready(), found, **spec)


def _place(field: str, name: str) -> int:
    manifest = next(m for m in stages(producer={"template": TEMPLATE})[-1].manifests if m["kind"] == "Deployment")
    spec = manifest["spec"]["template"]["spec"]
    entries = spec["containers"][0]["env"] if field == "env" else spec[field]
    return next(index for index, entry in enumerate(entries) if entry["name"] == name)


@pytest.mark.parametrize(
    ("path", "theirs"),
    [
        ("spec.tolerations[0].operator", "spec.tolerations[0].operator"),
        ("metadata.labels", "metadata.labels"),
        (f"spec.volumes[{_place('volumes', 'data')}].emptyDir", "spec.volumes[0].emptyDir"),
        ("spec.containers[1].env[0].value", "spec.containers[0].env[0].value"),
        ('spec.containers[name="side"].env[name="A"].value', "spec.containers[0].env[0].value"),
        ('spec.containers[name="producer"].comand', "spec.containers[1].comand"),
        (f"spec.containers[0].env[{_place('env', 'B')}].value", "spec.containers[1].env[0].value"),
    ],
)
def test_the_path_is_that_in_the_template(path: str, theirs: str) -> None:
    made = _status(f"{HEAD}spec.template.{path}: Unsupported value")
    assert verdicts(made)["Degraded"] == ("True", "TemplateRefused")
    assert verdicts(made)["Stalled"] == ("True", "TemplateRefused")
    assert message(made, "Degraded").startswith(f"spec.producer.template.{theirs}: correct it")


@pytest.mark.parametrize(
    "failure",
    [
        f'{HEAD}spec.template.spec.containers[name="other"].comand: field not declared in schema',
        f"{HEAD}spec.template.spec.containers[0].resources: Invalid value",  # ours
        f"{HEAD}spec.template.spec.volumes[0].name: Invalid value",  # ours
        f"{HEAD}spec.replicas: Invalid value",
        "apply Deployment default/shop-consumer: spec.template.spec.tolerations[0]: Invalid value",
        "apply Service default/shop-producer: spec.ports: Invalid value",
    ],
)
def test_other_refusals_stay_as_they_are(failure: str) -> None:
    made = _status(failure)
    assert verdicts(made)["Degraded"] == ("True", "ApplyFailed")
    assert message(made, "Degraded").startswith(failure)
