"""The chart grants the least that works, and in both modes the same."""

import json
from pathlib import Path

import pytest

from orderpipeline_common.contract import Metric
from orderpipeline_operator.domain.kubernetes.apiservice import APISERVICE, APISERVICE_NAME
from orderpipeline_operator.domain.kubernetes.kinds import CHILD_KINDS
from tests.support.helm import CHART, NAMESPACE, VALUES, Helm, of_kind, values_name

pytestmark = pytest.mark.integration
every_values = pytest.mark.parametrize("values", VALUES, ids=values_name)


@every_values
def test_no_rule_has_a_wildcard(helm: Helm, values: Path | None) -> None:
    rules = [rule for role in of_kind(helm.objects(values=values), "Role", "ClusterRole") for rule in role["rules"]]
    assert rules
    for rule in rules:
        assert "*" not in json.dumps(rule)
        assert rule["verbs"]
        assert rule["apiGroups"]
        assert rule["resources"]


@every_values
def test_no_rule_can_raise_rights_or_write_secrets(helm: Helm, values: Path | None) -> None:
    for role in of_kind(helm.objects(values=values), "Role", "ClusterRole"):
        for rule in role["rules"]:
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
            assert "rbac.authorization.k8s.io" not in rule["apiGroups"]
            if "secrets" in rule["resources"]:
                assert set(rule["verbs"]) <= {"get", "list", "watch"}


def test_roles_only_makes_nothing_cluster_wide(helm: Helm) -> None:
    objects = helm.objects(values=CHART / "ci" / "roles-only-values.yaml")
    assert of_kind(objects, "ClusterRole", "ClusterRoleBinding", "APIService", "CustomResourceDefinition") == []
    name = "shop-orderpipeline"
    for namespace in ("team-a", "team-b"):
        (role,) = [each for each in of_kind(objects, "Role") if each["metadata"]["namespace"] == namespace]
        (binding,) = [each for each in of_kind(objects, "RoleBinding") if each["metadata"]["namespace"] == namespace]
        assert binding["roleRef"]["name"] == role["metadata"]["name"] == name
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}]


def test_both_modes_grant_the_same_in_a_namespace(helm: Helm) -> None:
    (cluster_wide,) = [
        role
        for role in of_kind(helm.objects(), "ClusterRole")
        if role["metadata"]["name"].endswith("shop-orderpipeline")
    ]
    values = CHART / "ci" / "namespaces-values.yaml"
    (in_namespace,) = [
        role for role in of_kind(helm.objects(values=values), "Role") if role["metadata"]["namespace"] == "team-a"
    ]
    extra = [rule for rule in cluster_wide["rules"] if rule not in in_namespace["rules"]]
    assert [rule["resources"] for rule in extra] == [["customresourcedefinitions"], ["namespaces"]]
    assert all(rule in cluster_wide["rules"] for rule in in_namespace["rules"])


def test_every_kind_of_child_may_be_written(helm: Helm) -> None:
    values = CHART / "ci" / "roles-only-values.yaml"
    (role, *_) = [
        each for each in of_kind(helm.objects(values=values), "Role") if each["metadata"]["namespace"] == "team-a"
    ]
    granted = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    for kind in CHILD_KINDS:
        assert granted[kind.group, kind.plural] == {"get", "list", "watch", "create", "patch", "delete"}, kind


def test_the_owner_of_external_metrics_may_be_looked_up_and_nothing_else_of_it(helm: Helm) -> None:
    for values in (None, CHART / "ci" / "namespaces-values.yaml"):
        objects = helm.objects(values=values)
        (role,) = [r for r in of_kind(objects, "ClusterRole") if r["metadata"]["name"].endswith(":metrics-owner")]
        (rule,) = role["rules"]
        assert rule == {
            "apiGroups": [APISERVICE.group],
            "resources": [APISERVICE.plural],
            "resourceNames": [APISERVICE_NAME],
            "verbs": ["get"],
        }
        (service,) = {each["spec"]["service"]["name"] for each in of_kind(objects, "APIService")}
        (deployment,) = of_kind(objects, "Deployment")
        env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
        assert {"name": "ORDERPIPELINE_METRICS_SERVICE", "value": service} in env


def test_the_hpa_controller_may_read_our_three_metrics_and_no_other(helm: Helm) -> None:
    objects = helm.objects()
    (role,) = [r for r in of_kind(objects, "ClusterRole") if r["metadata"]["name"].endswith(":metrics-reader")]
    (rule,) = role["rules"]
    assert rule["apiGroups"] == ["external.metrics.k8s.io"]
    assert set(rule["resources"]) == {Metric.DESIRED_CONSUMERS, Metric.LAG_ORDERS, Metric.LAG_SECONDS}
    (binding,) = [
        each for each in of_kind(objects, "ClusterRoleBinding") if each["roleRef"]["name"] == role["metadata"]["name"]
    ]
    subject = {"kind": "ServiceAccount", "name": "horizontal-pod-autoscaler", "namespace": "kube-system"}
    assert binding["subjects"] == [subject]


def test_keda_is_told_a_service_that_exists_and_may_reach_it(helm: Helm) -> None:
    objects = helm.objects(values=CHART / "ci" / "everything-values.yaml")
    (deployment,) = of_kind(objects, "Deployment")
    env = {each["name"]: each.get("value") for each in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
    services = {
        f"http://{each['metadata']['name']}.{each['metadata']['namespace']}.svc:{port['port']}"
        for each in of_kind(objects, "Service")
        for port in each["spec"]["ports"]
        if port["name"] == "http"
    }
    assert {env["ORDERPIPELINE_SCALING_URL"]} == services
    (policy,) = of_kind(objects, "NetworkPolicy")
    peers = policy["spec"]["ingress"][0]["from"]
    names = [each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for each in peers]
    assert names == ["monitoring", "keda"]
