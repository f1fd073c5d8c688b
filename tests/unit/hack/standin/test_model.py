"""Nodes and their ids."""

from hack.standin import model
from tests.unit.hack.standin import samples


def test_ids_are_unique_over_pools_and_an_added_broker_takes_the_next() -> None:
    first = samples.cluster()
    assert [(node.name, node.id) for node in first.nodes][2:4] == [("x-brokers-2", 2), ("x-controllers-3", 3)]
    pools = [
        samples.pool("brokers", 4, "broker", ids=[0, 1, 2]),
        samples.pool("controllers", 3, "controller", ids=[3, 4, 5]),
    ]
    assert model.assign_ids(pools, {"brokers": 4, "controllers": 3})["brokers"] == [0, 1, 2, 6]


def test_scaling_down_removes_the_highest_id_unless_it_is_kept() -> None:
    pools = [
        samples.pool("brokers", 3, "broker", ids=[0, 1, 2, 6]),
        samples.pool("controllers", 1, "controller", ids=[3]),
    ]
    assert [node.id for node in model.cluster(samples.kafka(), pools).brokers] == [0, 1, 2]
    assert [node.id for node in model.cluster(samples.kafka(), pools, {"brokers": 4}).brokers] == [0, 1, 2, 6]


def test_pools_of_other_clusters_are_left_out() -> None:
    other = samples.pool("other", 1, "broker")
    other["metadata"]["labels"] = {"strimzi.io/cluster": "y"}
    assert model.cluster(samples.kafka(), [other]).pools == ()


def test_no_cluster_id_begins_with_a_dash() -> None:
    """Kafka's own tool would take it for an option, and the controllers would never start."""
    drawn = iter([b"\xf8" + bytes(15), b"\xfb" + bytes(15), b"\xfc" + bytes(15)])
    assert model.new_cluster_id(lambda count: next(drawn)[:count]) == "_AAAAAAAAAAAAAAAAAAAAA"
