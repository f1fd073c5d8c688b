"""Specs are accepted, or refused with the first problem's path and reason and the number of the others."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.validation.accept import Rejected, accept

EXAMPLES = sorted((Path(__file__).parents[5] / "examples").glob("shop*.yaml"))


def _problems(raw: dict[str, Any]) -> dict[str, str]:
    found = accept(raw)
    return {p.path: p.reason for p in found.problems} if isinstance(found, Rejected) else {}


def test_an_empty_spec_is_all_defaults() -> None:
    assert accept({}) == OrderPipelineSpec()


def test_null_is_absent_so_a_default_takes_its_place() -> None:
    assert (
        accept({"topic": {"partitions": None}, "autoscaling": {"max": None}, "producer": None}) == OrderPipelineSpec()
    )


def test_the_message_names_the_first_field_and_counts_the_others() -> None:
    found = accept({"kafka": {"version": "1.0.0"}, "topic": {"retention": "0s"}, "producer": {"gracePeriod": "1s"}})
    assert isinstance(found, Rejected)
    assert found.reason == "UnsupportedKafkaVersion"
    assert found.message.startswith("spec.kafka.version: 1.0.0 is not among")
    assert found.message.endswith("(and 2 more)")


def test_what_an_older_crd_lets_through_is_refused_by_path() -> None:
    raw = {"topic": {"partitions": 0}, "producer": {"colour": "red"}, "kafka": {"config": {"a.b": {"c": 1}}}}
    assert _problems(raw) == {
        "spec.topic.partitions": "InvalidField",
        "spec.producer.colour": "InvalidField",
        "spec.kafka.config.a.b": "InvalidField",
    }


@pytest.mark.parametrize(
    "key",
    [
        "listeners",
        "broker.id",
        "ssl.truststore.location",
        "log.dirs",
        "process.roles",
        "controller.quorum.voters",
        "port",
    ],
)
def test_settings_that_strimzi_owns_are_refused(key: str) -> None:
    assert _problems({"kafka": {"config": {key: "x"}}}) == {f"spec.kafka.config[{key}]": "ForbiddenKafkaConfig"}


@pytest.mark.parametrize(
    "key", ["ssl.cipher.suites", "controller.quorum.fetch.timeout.ms", "log.retention.hours", "num.io.threads"]
)
def test_other_settings_are_taken(key: str) -> None:
    assert not _problems({"kafka": {"config": {key: "x"}}})


@pytest.mark.parametrize("version", ["4.2", "4.3", "4.2-IV1"])
def test_a_metadata_version_up_to_the_kafka_version_is_taken(version: str) -> None:
    assert not _problems({"kafka": {"version": "4.3.1", "metadataVersion": version}})


def test_numbers_are_compared_as_numbers_not_as_text() -> None:
    quantities = {"requests": {"cpu": "900m", "memory": "1000Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    assert not _problems({"consumer": {"resources": quantities}})
    swapped = {"requests": {"cpu": "2"}, "limits": {"cpu": "1900m"}}
    assert _problems({"consumer": {"resources": swapped}}) == {
        "spec.consumer.resources.requests[cpu]": "RequestAboveLimit"
    }


def test_resources_are_those_of_kubernetes() -> None:
    good = {"limits": {"cpu": 1, "ephemeral-storage": "1Gi", "hugepages-2Mi": "4Mi", "example.com/gpu": 1}}
    assert not _problems({"consumer": {"resources": good}})
    assert _problems({"kafka": {"brokers": {"resources": {"limits": {"ram": "1Gi"}}}}}) == {
        "spec.kafka.brokers.resources.limits[ram]": "UnknownResource"
    }


def test_an_existing_kafka_needs_no_node_checks_but_its_own() -> None:
    existing = {"bootstrapServers": "a:9092,b:0"}
    assert _problems({"kafka": {"existing": existing, "version": "1.0.0"}}) == {
        "spec.kafka.existing.bootstrapServers": "InvalidAddress"
    }


def test_the_default_image_holds_the_handlers_of_our_own_package() -> None:
    assert not _problems({"consumer": {"handler": "orderpipeline_consumer.sinks:log"}})
    assert not _problems({"consumer": {"handler": "shop.orders:handle", "image": "shop:1"}})


def test_a_long_topic_name_leaves_no_room_for_the_dead_letters() -> None:
    name = "o" * 240
    assert _problems({"topic": {"name": name}}) == {"spec.topic.name": "NameTooLong"}
    assert not _problems({"topic": {"name": name}, "consumer": {"deadLetter": {"topic": "failed"}}})
    assert not _problems({"topic": {"name": name}, "consumer": {"deadLetter": {"enabled": False}}})


def test_hosts_and_annotations_of_the_ingress() -> None:
    ingress = {"host": "a" * 64 + ".example.com", "annotations": {"bad key": "x", "example.com/good": "y"}}
    assert _problems({"producer": {"ingress": ingress}}) == {
        "spec.producer.ingress.host": "InvalidHost",
        "spec.producer.ingress.annotations[bad key]": "InvalidAnnotation",
    }
    assert not _problems({"producer": {"ingress": {"host": "*.example.com"}}})


def test_a_linger_as_long_as_the_timeout_is_refused() -> None:
    raw = {"producer": {"linger": "1s", "limits": {"requestTimeout": "1s"}}}
    assert _problems(raw) == {"spec.producer.linger": "LingerAboveTimeout"}


def test_labels_of_monitors_are_labels_and_not_those_by_which_the_operator_knows_its_objects() -> None:
    labels = {
        "release": "prometheus",
        "example.com/team": "",
        "orderpipeline.dev/pipeline": "other",
        "-x": "y",
        "a": "b c",
    }
    path = "spec.monitoring.labels"
    assert _problems({"monitoring": {"labels": labels, "interval": "3m"}}) == {
        f"{path}[orderpipeline.dev/pipeline]": "LabelConflict",
        f"{path}[-x]": "InvalidLabel",
        f"{path}[a]": "InvalidLabel",
        "spec.monitoring.interval": "DurationOutOfRange",
    }


@pytest.mark.parametrize("objective", ["100%", "0%", "0.0%"])
def test_an_objective_needs_a_budget(objective: str) -> None:
    path = "spec.monitoring.alerts"
    raw = {"monitoring": {"alerts": {"objective": objective, "latency": "2m", "certificateExpiry": "1m"}}}
    assert _problems(raw) == {
        f"{path}.objective": "InvalidObjective",
        f"{path}.latency": "DurationOutOfRange",
        f"{path}.certificateExpiry": "DurationOutOfRange",
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_accepted(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        if document["kind"] == "OrderPipeline":
            assert not _problems(document["spec"])
