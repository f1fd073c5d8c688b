"""Two pipelines in two namespaces, one the other's standby: a copy by a real MirrorMaker 2, then the switch."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]
WEST, EAST = "dr-west", "dr-east"
NAME = "shop"
ORDERS = 600
STORAGE = {"type": "ephemeral", "size": "1Gi"}
NODES = {"replicas": 1, "storage": STORAGE, "jvmHeap": "256Mi"}
SPEC: dict[str, Any] = {
    "kafka": {
        "brokers": NODES,
        "controllers": {**NODES, "jvmHeap": "128Mi"},
        "replicationFactor": 1,
        "minInSyncReplicas": 1,
    },
    "topic": {"partitions": 3},
    "producer": {"replicas": 1, "resources": {"requests": {"cpu": "50m"}}},
    "consumer": {"deadLetter": {"partitions": 1}, "resources": {"requests": {"cpu": "50m"}}},
    "autoscaling": {"backend": "Direct"},
}
PEER = {
    "bootstrapServers": f"{NAME}-kafka-bootstrap.{WEST}.svc:9093",
    "credentialsSecret": "west-peer",
    "caSecret": {"name": "west-ca"},
}
MIRROR = {"resources": {"requests": {"cpu": "50m", "memory": "768Mi"}}, "jvmHeap": "320Mi"}
SEND = """
import json, sys, urllib.request
one = {"product_id": "p", "quantity": 1, "amount": 5}
orders = [{"customer_id": f"c-{n % 50}", **one} for n in range(int(sys.argv[2]))]
request = urllib.request.Request(sys.argv[1], json.dumps(orders).encode(), {"content-type": "application/json"})
print(json.load(urllib.request.urlopen(request, timeout=60))["accepted"])
"""


class Site:
    """One pipeline in a namespace of its own."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def kubectl(self, *arguments: str, **more: Any) -> str:
        return self.cluster.kubectl("-n", self.namespace, *arguments, **more)

    def create(self, recovery: dict[str, Any]) -> None:
        meta = {"name": NAME, "namespace": self.namespace}
        spec = {**SPEC, "disasterRecovery": recovery}
        made = {"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline", "metadata": meta, "spec": spec}
        self.kubectl("create", "-f", "-", stdin=json.dumps(made))

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.get("-n", self.namespace, "orderpipeline", NAME).get("status", {})
        return found

    def condition(self, type_: str) -> tuple[str, str]:
        entries = (one for one in self.status().get("conditions", []) if one["type"] == type_)
        return next(((one["status"], one["reason"]) for one in entries), ("", ""))

    def waiting(self) -> int | None:
        """Orders in the topic that the group has not committed."""
        lag: int | None = self.status().get("lag", {}).get("orders")
        return lag

    def endpoints(self) -> int:
        """How many pods the order API's Service has."""
        label = f"kubernetes.io/service-name={NAME}-producer"
        found = self.cluster.get("-n", self.namespace, "endpointslices", "-l", label)
        return sum(len(one.get("endpoints") or []) for one in found.get("items", []))

    def give(self, name: str, other: "Site", new: str) -> None:
        """Copy a Secret to the other site, under a new name."""
        data = self.cluster.get("-n", self.namespace, "secret", name)["data"]
        copy = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": new}, "data": data}
        other.kubectl("create", "-f", "-", stdin=json.dumps(copy))

    def send(self, orders: int) -> int:
        """Send orders to the order API, from the pod of an order API; how many it took."""
        url = f"http://{NAME}-producer.{self.namespace}.svc/orders/batch"
        return int(self.kubectl("exec", f"deploy/{NAME}-producer", "--", "python3", "-c", SEND, url, str(orders)))


@pytest.fixture(scope="module")
def sites(cluster: Cluster) -> Iterator[tuple[Site, Site]]:
    west, east = Site(cluster, WEST), Site(cluster, EAST)
    for site in (west, east):
        cluster.kubectl("create", "namespace", site.namespace)
    try:
        west.create({"role": "active"})
        east.create({"role": "standby", "peer": PEER, "mirror": MIRROR})
        wait_until("west Ready", lambda: west.condition("Ready")[0] == "True", seconds=900)
        west.give(f"{NAME}-peer", east, "west-peer")
        west.give(f"{NAME}-cluster-ca-cert", east, "west-ca")
        wait_until("east stands by", lambda: east.condition("Ready") == ("True", "Standby"), seconds=900)
        yield west, east
    finally:
        for site in (west, east):
            site.kubectl("delete", "orderpipeline", "--all", "--timeout=300s", timeout=320)
            cluster.kubectl("delete", "namespace", site.namespace, "--timeout=300s", timeout=320)


def test_the_standby_has_a_copy_and_takes_over_when_its_role_is_active(sites: tuple[Site, Site]) -> None:
    west, east = sites
    assert west.send(ORDERS) == ORDERS
    wait_until("all is copied", lambda: east.waiting() == ORDERS, seconds=300)
    assert east.condition("DisasterRecoveryReady") == ("Unknown", "LagNotMeasured")
    assert east.endpoints() == 0
    assert west.endpoints() == 1

    east.kubectl("patch", "opl", NAME, "--type=merge", "-p", '{"spec":{"disasterRecovery":{"role":"active"}}}')
    wait_until("east is open", lambda: east.condition("Ready") == ("True", "Ready") and east.endpoints(), seconds=600)
    assert not east.cluster.get("-n", EAST, "kafkamirrormaker2", f"{NAME}-mirror")
    wait_until("what was copied is worked", lambda: east.waiting() == 0, seconds=300)
    assert east.send(7) == 7
    wait_until("so is what came since", lambda: east.waiting() == 0, seconds=300)
