"""Node ids, refusals, warnings, configuration and statuses of the stand-in's clusters."""

from typing import Any

import pytest

from hack.standin import check, config, model, status
from tests.unit.hack.standin import samples


def settings(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_ids_are_unique_over_pools_and_an_added_broker_takes_the_next() -> None:
    first = samples.cluster()
    assert [(node.name, node.id) for node in first.nodes][2:4] == [("x-brokers-2", 2), ("x-controllers-3", 3)]
    pools = [
        samples.pool("brokers", 4, "broker", ids=[0, 1, 2]),
        samples.pool("controllers", 3, "controller", ids=[3, 4, 5]),
    ]
    assert model.assign_ids(pools, {"brokers": 4, "controllers": 3})["brokers"] == [0, 1, 2, 6]


def test_scaling_down_takes_the_highest_id_and_keep_holds_it() -> None:
    pools = [
        samples.pool("brokers", 3, "broker", ids=[0, 1, 2, 6]),
        samples.pool("controllers", 1, "controller", ids=[3]),
    ]
    assert [node.id for node in model.cluster(samples.kafka(), pools).brokers] == [0, 1, 2]
    assert [node.id for node in model.cluster(samples.kafka(), pools, {"brokers": 4}).brokers] == [0, 1, 2, 6]


@pytest.mark.parametrize(
    ("holding", "keep", "reasons"),
    [
        ({0, 1, 2}, {}, []),
        ({0, 6}, {"brokers": 4}, ["ScaleDownPreventionCheck"]),
        (None, {"brokers": 4}, []),
    ],
)
def test_no_broker_goes_that_holds_partitions_or_may_hold_some(
    holding: set[int] | None, keep: dict[str, int], reasons: list[str]
) -> None:
    pools = [
        samples.pool("brokers", 3, "broker", ids=[0, 1, 2, 6]),
        samples.pool("controllers", 1, "controller", ids=[3, 4, 5]),
    ]
    found, warnings = check.held_back(model.cluster(samples.kafka(), pools), holding)
    assert (found, [one["reason"] for one in warnings]) == (keep, reasons)


def test_pools_of_other_clusters_are_left_out() -> None:
    other = samples.pool("other", 1, "broker")
    other["metadata"]["labels"] = {"strimzi.io/cluster": "y"}
    assert model.cluster(samples.kafka(), [other]).pools == ()


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
def test_what_is_refused(brokers: int, controllers: int, spec: dict[str, Any], words: str) -> None:
    found = check.problem(samples.cluster(brokers, controllers, **spec))
    assert found is not None
    assert words in found[1]


def test_a_good_cluster_is_not_refused_and_has_no_warnings() -> None:
    assert check.problem(samples.cluster()) is None
    assert check.warnings(samples.cluster()) == []


def test_a_single_ephemeral_node_has_two_storage_warnings() -> None:
    storage = {"type": "jbod", "volumes": [{"id": 0, "type": "ephemeral"}]}
    one = model.cluster(samples.kafka(config={}), [samples.pool("all", 1, "broker", "controller", storage=storage)])
    assert [warning["reason"] for warning in check.warnings(one)] == ["KafkaStorage", "KafkaStorage"]
    assert all(warning["type"] == "Warning" and warning["status"] == "True" for warning in check.warnings(one))


def test_missing_replication_settings_and_even_controllers_are_warned_of() -> None:
    reasons = {warning["reason"] for warning in check.warnings(samples.cluster(3, 2, config={}))}
    assert reasons == {"KafkaDefaultReplicationFactor", "KafkaMinInsyncReplicas", "KafkaKRaftControllerNodeCount"}


def test_a_broker_speaks_on_replication_and_client_ports_only() -> None:
    one = samples.cluster()
    found = settings(config.server(one, one.brokers[0]))
    assert found["listeners"] == "REPLICATION-9091://0.0.0.0:9091,TLS-9093://0.0.0.0:9093,PLAIN-9092://0.0.0.0:9092"
    assert "TLS-9093:SASL_SSL" in found["listener.security.protocol.map"]
    assert "PLAIN-9092:PLAINTEXT" in found["listener.security.protocol.map"]
    assert found["listener.name.replication-9091.ssl.client.auth"] == "required"
    assert found["controller.quorum.voters"].startswith("3@x-controllers-3.x-kafka-brokers.shop.svc:9090,4@")
    assert "authorizer.class.name" not in found


def test_a_controller_has_the_users_config_too_and_no_client_port() -> None:
    one = samples.cluster(authorization={"type": "simple", "superUsers": ["root"]})
    found = settings(config.server(one, one.controllers[0]))
    assert found["listeners"] == "CONTROLPLANE-9090://0.0.0.0:9090"
    assert found["min.insync.replicas"] == "2"
    assert found["super.users"] == "User:CN=x-kafka,O=io.strimzi;User:CN=x-cluster-operator,O=io.strimzi;User:root"


def test_settings_that_strimzi_owns_are_dropped_silently() -> None:
    asked = {"node.id": 9, "ssl.keystore.location": "/x", "log.dirs": "/x", "num.io.threads": 9, "a.b": True}
    assert config.allowed(asked) == {"num.io.threads": 9, "a.b": "true"}


def test_creating_shows_no_listener_and_ready_shows_all() -> None:
    one = samples.cluster()
    creating = status.kafka(one, "creating", {}, "id", "")
    assert [(c["type"], c["status"], c["reason"]) for c in creating["conditions"]] == [("NotReady", "True", "Creating")]
    assert creating["observedGeneration"] == 0
    assert "listeners" not in creating
    ready = status.kafka(one, "ready", creating, "id", "PEM")
    assert ready["conditions"] == [{"type": "Ready", "status": "True"}]
    tls, plain = ready["listeners"]
    assert tls["bootstrapServers"] == "x-kafka-bootstrap.shop.svc:9093"
    assert tls["certificates"] == ["PEM"]
    assert "certificates" not in plain
    assert ready["kafkaMetadataVersion"] == "4.3-IV0"


def test_while_rolling_the_status_stays_as_it_was() -> None:
    before = {"conditions": [{"type": "Ready", "status": "True"}], "observedGeneration": 1}
    assert status.kafka(samples.cluster(generation=2), "rolling", before, "id", "PEM") == before


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    before = [{"type": "Ready", "status": "True", "lastTransitionTime": "old"}]
    assert status.stamped([{"type": "Ready", "status": "True"}], before, "new") == before
    assert status.stamped([{"type": "Ready", "status": "False"}], before, "new")[0]["lastTransitionTime"] == "new"


def test_a_pools_status_names_its_nodes() -> None:
    one = samples.cluster()
    found = status.pool(one, one.pools[1], "id")
    assert (found["nodeIds"], found["replicas"], found["roles"]) == ([3, 4, 5], 3, ["controller"])
