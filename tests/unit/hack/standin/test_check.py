"""What Strimzi rejects and warns about."""

from typing import Any

import pytest

from hack.standin import check, model
from tests.unit.hack.standin import samples


@pytest.mark.parametrize(
    ("holding", "keep", "reasons"),
    [
        ({0, 1, 2}, {}, []),
        ({0, 6}, {"brokers": 4}, ["ScaleDownPreventionCheck"]),
        (None, {"brokers": 4}, []),
    ],
)
def test_no_broker_with_partitions_or_unknown_ones_is_removed(
    holding: set[int] | None, keep: dict[str, int], reasons: list[str]
) -> None:
    pools = [
        samples.pool("brokers", 3, "broker", ids=[0, 1, 2, 6]),
        samples.pool("controllers", 1, "controller", ids=[3, 4, 5]),
    ]
    found, warnings = check.blocked_scale_downs(model.cluster(samples.kafka(), pools), holding)
    assert (found, [one["reason"] for one in warnings]) == (keep, reasons)
    assert all(one["message"].endswith("KafkaNodePool brokers by changing number of replicas to 4") for one in warnings)


@pytest.mark.parametrize(
    ("brokers", "controllers", "spec", "words"),
    [
        (0, 3, {}, "broker role"),
        (3, 0, {}, "controller role"),
        (2, 3, {}, "default.replication.factor"),
        (1, 1, {"config": {"offsets.topic.replication.factor": 3}}, "offsets.topic.replication.factor"),
        (3, 3, {"version": "3.9.0"}, "Unsupported"),
        (3, 3, {"metadataVersion": "4.9"}, "4.9"),
        (3, 3, {"listeners": [{"name": "a", "port": 9093, "type": "nodeport", "tls": True}]}, "nodeport"),
        (3, 3, {"listeners": [{"name": n, "port": 9093, "type": "internal", "tls": True} for n in "ab"]}, "port"),
    ],
)
def test_invalid_clusters_are_rejected(brokers: int, controllers: int, spec: dict[str, Any], words: str) -> None:
    found = check.problem(samples.cluster(brokers, controllers, **spec))
    assert found is not None
    assert words in found[1]


def test_a_valid_cluster_is_accepted_without_warnings() -> None:
    assert check.problem(samples.cluster()) is None
    assert check.warnings(samples.cluster()) == []


def test_a_single_ephemeral_node_has_two_storage_warnings() -> None:
    storage = {"type": "jbod", "volumes": [{"id": 0, "type": "ephemeral"}]}
    one = model.cluster(samples.kafka(config={}), [samples.pool("all", 1, "broker", "controller", storage=storage)])
    assert [warning["reason"] for warning in check.warnings(one)] == ["KafkaStorage", "KafkaStorage"]
    assert all(warning["type"] == "Warning" and warning["status"] == "True" for warning in check.warnings(one))


def test_missing_replication_settings_and_an_even_number_of_controllers_cause_warnings() -> None:
    reasons = {warning["reason"] for warning in check.warnings(samples.cluster(3, 2, config={}))}
    assert reasons == {"KafkaDefaultReplicationFactor", "KafkaMinInsyncReplicas", "KafkaKRaftControllerNodeCount"}


def test_a_metadata_version_of_an_earlier_kafka_causes_a_warning() -> None:
    (warning,) = check.warnings(samples.cluster(metadataVersion="4.2-IV1"))
    assert warning["reason"] == "KafkaMetadataVersion"
    assert check.warnings(samples.cluster(metadataVersion="4.3")) == []
