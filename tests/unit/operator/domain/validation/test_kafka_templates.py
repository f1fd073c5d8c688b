"""What a template of Strimzi's may not change."""

from typing import Any

import pytest

from orderpipeline_operator.domain.validation.accept import Rejected, accept

RACK = {"topologyKey": "zone", "maxSkew": 2, "whenUnsatisfiable": "ScheduleAnyway"}


def _refusals(template: dict[str, Any], **kafka: Any) -> list[tuple[str, str]]:
    found = accept({"kafka": {"template": template, **kafka}})
    return [(each.path, each.reason) for each in found.problems] if isinstance(found, Rejected) else []


@pytest.mark.parametrize(
    ("template", "path", "reason"),
    [
        (
            {"pod": {"metadata": {"labels": {"strimzi.io/kind": "x"}}}},
            "pod.metadata.labels[strimzi.io/kind]",
            "Conflict",
        ),
        (
            {"brokersService": {"metadata": {"annotations": {"orderpipeline.dev/x": "x"}}}},
            "brokersService.metadata.annotations[orderpipeline.dev/x]",
            "Conflict",
        ),
        ({"kafkaContainer": {"env": [{"name": "KAFKA_HEAP_OPTS"}]}}, "kafkaContainer.env[0].name", "Conflict"),
        (
            {"entityOperator": {"userOperatorContainer": {"env": [{"name": "A"}, {"name": "STRIMZI_X"}]}}},
            "entityOperator.userOperatorContainer.env[1].name",
            "Conflict",
        ),
        ({"pod": {"topologySpreadConstraints": [RACK]}}, "pod.topologySpreadConstraints[0].topologyKey", "Conflict"),
        ({"pod": {"securityContext": {"runAsUser": 0}}}, "pod.securityContext.runAsUser", "Restricted"),
        (
            {"initContainer": {"securityContext": {"privileged": True}}},
            "initContainer.securityContext.privileged",
            "Restricted",
        ),
    ],
)
def test_what_strimzi_or_the_operator_sets(template: dict[str, Any], path: str, reason: str) -> None:
    names = {"Conflict": "TemplateConflict", "Restricted": "NotRestricted"}
    assert _refusals(template, rackTopologyKey="zone") == [(f"spec.kafka.template.{path}", names[reason])]


def test_an_existing_kafka_has_no_template() -> None:
    existing = {"bootstrapServers": "kafka:9092"}
    assert _refusals({"pod": {}}, existing=existing) == [("spec.kafka.template", "UnusedWithExistingKafka")]


def test_what_is_open() -> None:
    pod = {"topologySpreadConstraints": [RACK], "tolerations": [{"operator": "Exists"}], "volumes": "wrong"}
    assert _refusals({"pod": pod, "kafkaContainer": {"env": "wrong", "securityContext": []}}) == []
