"""One change of the spec that reaches Kafka and its pools makes Strimzi roll the brokers once."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.timeout(3600)]

CHANGE = {
    "rackTopologyKey": "topology.kubernetes.io/zone",
    "listeners": {"plain": True},
    "brokers": {"replicas": 4},
}
BACK = {"rackTopologyKey": None, "listeners": None, "brokers": {"replicas": 3}}
STRIMZI = ("kafka/shop", "kafkanodepool/shop-brokers", "kafkanodepool/shop-controllers")


@pytest.fixture
def shop(cluster: Cluster) -> Iterator[Cluster]:
    """shop, with nothing to roll, and as in its example afterwards."""
    wait_until("shop Ready", cluster.settled, seconds=600, every=2)
    wait_until("nothing rolls", lambda: at_rest(cluster, 3), seconds=600, every=2)
    yield cluster
    change(cluster, BACK)
    cluster.apply("examples/shop.yaml")
    wait_until("nothing rolls", lambda: at_rest(cluster, 3), seconds=900, every=2)
    wait_until("shop Ready", cluster.settled, seconds=600, every=2)


def change(cluster: Cluster, kafka: dict[str, Any]) -> None:
    cluster.kubectl("patch", "opl", "shop", "--type=merge", "-p", json.dumps({"spec": {"kafka": kafka}}))


def brokers(cluster: Cluster) -> dict[str, str]:
    """The uid of each broker's pod, by name."""
    found = cluster.get("pods", "-l", "strimzi.io/cluster=shop,strimzi.io/broker-role=true")
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in found.get("items", [])}


def at_rest(cluster: Cluster, count: int) -> bool:
    """Whether that many brokers run and Strimzi has done all that it was asked to."""
    objects = [cluster.get(*ref.split("/")) for ref in STRIMZI]
    sets = cluster.get("strimzipodset", "-l", "strimzi.io/cluster=shop").get("items", [])
    numbers = [[one.get("status", {}).get(key) for key in ("pods", "currentPods", "readyPods")] for one in sets]
    return (
        all(one["metadata"]["generation"] == one.get("status", {}).get("observedGeneration") for one in objects)
        and sorted(row[0] for row in numbers) == [1, count]
        and all(len(set(row)) == 1 for row in numbers)
        and len(brokers(cluster)) == count
    )


def test_a_change_of_kafka_and_its_pools_rolls_each_broker_once(shop: Cluster) -> None:
    seen: dict[str, set[str]] = defaultdict(set)

    def rolled() -> bool:
        for name, uid in brokers(shop).items():
            seen[name].add(uid)
        return at_rest(shop, 4) and min(len(uids) for name, uids in seen.items() if name in before) > 1

    before = brokers(shop)
    change(shop, CHANGE)
    wait_until("four brokers, all with the change", rolled, seconds=1200)
    times = {name: len(uids) for name, uids in seen.items()}
    (added,) = times.keys() - before.keys()
    assert times == {**dict.fromkeys(before, 2), added: 1}
