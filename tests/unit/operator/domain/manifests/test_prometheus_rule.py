"""The alerts ask only for what is exported, with the labels it has, and each says what to do."""

import re
from typing import Any

import pytest

from orderpipeline_operator.domain.manifests import Manifest
from tests.support.prometheus import ROOT, SCRAPED, forms
from tests.unit.operator.domain.manifests.specs import bundle
from tests.unit.operator.domain.manifests.test_kafka_metrics import recorded

RUNBOOKS = ROOT / "docs" / "runbooks"


def rules(**spec: Any) -> list[Manifest]:
    found = bundle({"monitoring": {"rules": True}} | spec).manifests()
    made = [each for each in found if each["kind"] == "PrometheusRule"]
    return [rule for one in made for group in one["spec"]["groups"] for rule in group["rules"]]


ALERTS = {f"{rule['alert']}-{rule['labels']['severity']}": rule for rule in rules()}
every_alert = pytest.mark.parametrize("rule", ALERTS.values(), ids=ALERTS)


@every_alert
def test_every_sample_that_is_asked_for_exists_with_these_labels(rule: Manifest) -> None:
    expression = rule["expr"]
    selectors = re.findall(r"([a-z_]+)\{([^}]*)\}", expression)
    assert len(selectors) == len(re.findall(r"(?:orderpipeline|kafka)_\w+", expression)) > 0
    names = {name for name, _ in selectors}
    for name, matchers in selectors:
        labels = set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", matchers))
        assert {"namespace", "pipeline"} <= labels, "other pipelines' samples would count"
        assert labels <= forms()[name].labels | SCRAPED
    for kept in re.findall(r"by \(([^)]*)\)", expression):
        for label in kept.split(", "):
            assert label in {"namespace", "pipeline"} or all(label in forms()[name].labels for name in names)


@every_alert
def test_brokers_samples_are_exported_and_can_be_combined(rule: Manifest) -> None:
    exported = {family.name for family in recorded() if family.allowed}
    for name in re.findall(r"kafka_\w+", rule["expr"]):
        assert name in exported, "the allow list leaves it out"
        assert forms()[name].type != "summary", "quantiles cannot be combined"
        assert "topic" not in forms()[name].labels, "a sample for all topics stands beside one per topic"


@every_alert
def test_it_has_a_summary_a_description_with_the_numbers_and_a_runbook(rule: Manifest) -> None:
    notes = rule["annotations"]
    assert notes["summary"].startswith("Pipeline store/shop: ")
    assert re.search(r"\$value|\d", notes["description"].removeprefix("Pipeline store/shop: "))
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert notes["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
    page = (ROOT / notes["runbook_url"]).read_text()
    title, blank, fence, command = page.splitlines()[:4]
    assert (title, blank, fence) == (f"# {rule['alert']}", "", "```")
    assert command.startswith("kubectl "), "the page starts with the command to run"


def test_no_runbook_is_left_over() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {rule["alert"] for rule in rules()}


def test_alerts_on_brokers_are_for_brokers_that_are_ours_and_export_metrics() -> None:
    assert any("kafka_" in rule["expr"] for rule in rules())
    existing = {"existing": {"bootstrapServers": "kafka:9092", "tls": {"enabled": False}}}
    for kafka in ({"metrics": False}, existing):
        assert not any("kafka_" in rule["expr"] for rule in rules(kafka=kafka))


def test_without_the_field_there_is_no_rule() -> None:
    assert rules(monitoring={"podMonitors": True}) == []


@pytest.mark.parametrize(
    ("field", "value", "alert", "words"),
    [
        ("lagOrders", 7, "OrderPipelineLag", "> 7"),
        ("orderAge", "90s", "OrderPipelineOrdersLate", "> bool 90"),
        ("objective", "99%", "OrderPipelineOrdersLate", "> 0.144"),
        ("throughputDrop", "80%", "OrderPipelineThroughputDrop", "< 0.2 *"),
        ("latency", "1500ms", "OrderPipelineLatency", "> 1.5"),
        ("errorRate", "2.5%", "OrderPipelineErrors", "> 0.025"),
        ("deadLetters", 3, "OrderPipelineDeadLetters", "> 3"),
        ("certificateExpiry", "30d", "OrderPipelineCertificateExpiry", "< 2592000"),
        ("networkBusy", "95%", "OrderPipelineNetworkBusy", "> 0.95"),
        ("underReplicated", 2, "OrderPipelineUnderReplicated", "> 2"),
    ],
)
def test_thresholds_are_fields(field: str, value: Any, alert: str, words: str) -> None:
    changed = {"monitoring": {"rules": True, "alerts": {field: value}}}
    rule = next(each for each in rules(**changed) if each["alert"] == alert)
    assert words in rule["expr"]
    assert words not in next(each for each in rules() if each["alert"] == alert)["expr"]


def test_waits_are_fields() -> None:
    made = {rule["alert"]: rule["for"] for rule in rules(
        monitoring={"rules": True, "alerts": {"heldFor": "1h", "notReadyFor": "5m"}}
    )}  # fmt: skip
    assert {name for name, wait in made.items() if wait == "1h"} == {
        "OrderPipelineScalingHeld",
        "OrderPipelineAtMaximum",
        "OrderPipelineScalingWithoutEffect",
        "OrderPipelineCertificateExpiry",
    }
    assert (made["OrderPipelineNotReady"], made["OrderPipelineUnobserved"]) == ("5m", "5m")
