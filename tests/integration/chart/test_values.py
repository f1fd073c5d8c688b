"""Values that are wrong are refused by name, and so are clusters that are too old."""

import json
from typing import Any

import pytest
import yaml

from tests.support.helm import CHART, Helm

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("operator.replica=2", "replica"),
        ("operator.replicas=-1", "replicas"),
        ("operator.logLevel=LOUD", "logLevel"),
        ("images.pullPolicy=Sometimes", "pullPolicy"),
        ("images.pipelinePullPolicy=Sometimes", "pipelinePullPolicy"),
        ("images.pipelinePullSecrets={No_Name}", "pipelinePullSecrets"),
        ("images.operator=Not An Image", "operator"),
        ("operator.resources.requests.memory=lots", "memory"),
        ("watchNamespaces=team-a", "watchNamespaces"),
        ("watchNamespaces={Team_A}", "watchNamespaces"),
        ("metricsApi.enabled=perhaps", "enabled"),
        ("metricsApi.certificate.days=0", "days"),
        ("metricsApi.certManager.issuerRef.kind=Authority", "kind"),
        ("networkPolicy.kafkaPorts={70000}", "kafkaPorts"),
        ("scalingSecret.existingSecret=No_Name", "existingSecret"),
        ("monitoring.podMonitor.interval=often", "interval"),
        ("kafka.replicas=3", "kafka"),
        ("metricsApi.certificate.existingSecret=mine", "metricsApi.certificate.caBundle: set the PEM"),
        ("serviceAccount.create=false", "serviceAccount.name must name"),
    ],
)
def test_bad_values_are_refused_by_name(helm: Helm, setting: str, complaint: str) -> None:
    done = helm.run("template", "shop", str(CHART), "--kube-version", "1.36.0", "--set", setting)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_the_schema_describes_every_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    _same_names(values, schema, "")


def _same_names(values: dict[str, Any], schema: dict[str, Any], path: str) -> None:
    declared = set(schema["properties"]) - {"global"}
    assert set(values) == declared, path
    assert schema["additionalProperties"] is False, path
    for name in declared:
        child = schema["properties"][name]
        assert child["description"], f"{path}.{name}"
        if isinstance(values[name], dict) and values[name] and "properties" in child and name != "resources":
            _same_names(values[name], child, f"{path}.{name}")


@pytest.mark.parametrize("version", ["1.34.9", "1.20.0"])
def test_old_clusters_are_refused(helm: Helm, version: str) -> None:
    done = helm.run("template", "shop", str(CHART), "--kube-version", version)
    assert done.returncode != 0
    assert "kubeVersion: >=1.35" in done.stderr
