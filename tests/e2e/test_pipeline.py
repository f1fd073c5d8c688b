"""The custom resource on the real cluster: its columns, repair of edited and deleted children, pausing."""

import pytest

from tests.e2e.cluster import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_the_columns_are_shown(cluster: Cluster) -> None:
    wait_until("shop Ready", cluster.settled, seconds=600)
    heading, row = cluster.kubectl("get", "opl", "shop").splitlines()
    assert heading.split() == ["NAME", "READY", "PARTITIONS", "LAG", "CONSUMERS", "DESIRED", "AGE"]
    assert row.split()[:3] == ["shop", "True", "12"]


def test_an_edited_child_is_repaired(cluster: Cluster) -> None:
    cluster.kubectl("set", "env", "deploy/shop-producer", "ORDERPIPELINE_DURABILITY=accepted")

    def repaired() -> bool:
        containers = cluster.get("deployment", "shop-producer")["spec"]["template"]["spec"]["containers"]
        return {"name": "ORDERPIPELINE_DURABILITY", "value": "acked"} in containers[0]["env"]

    wait_until("the producer's environment repaired", repaired, seconds=180)


def test_a_deleted_child_comes_back(cluster: Cluster) -> None:
    before = cluster.get("service", "shop-producer")["metadata"]["uid"]
    cluster.kubectl("delete", "service", "shop-producer")
    wait_until(
        "the Service made again",
        lambda: cluster.get("service", "shop-producer").get("metadata", {}).get("uid") not in (None, before),
        seconds=180,
    )


def test_a_paused_pipeline_is_left_alone(cluster: Cluster) -> None:
    cluster.kubectl("patch", "opl", "shop", "--type=merge", "-p", '{"spec":{"paused":true}}')
    wait_until("condition Paused", lambda: condition(cluster, "Paused") == "True", seconds=180)
    cluster.kubectl("delete", "service", "shop-producer")
    cluster.kubectl("annotate", "opl", "shop", "touched=1", "--overwrite")
    wait_until("no Service", lambda: not cluster.get("service", "shop-producer"), seconds=180)
    cluster.kubectl("patch", "opl", "shop", "--type=merge", "-p", '{"spec":{"paused":false}}')
    wait_until("the Service made again", lambda: cluster.get("service", "shop-producer"), seconds=180)
    wait_until("shop Ready", cluster.settled, seconds=300)


def test_partitions_can_grow_and_never_shrink(cluster: Cluster) -> None:
    refused = cluster.run(
        "bash",
        "-c",
        """hack/cluster kubectl patch opl shop --type=merge -p '{"spec":{"topic":{"partitions":6}}}' 2>&1 || true""",
    )
    assert "spec.topic" in refused
    assert "partitions" in refused


def condition(cluster: Cluster, kind: str) -> str | None:
    conditions = cluster.get("orderpipeline", "shop").get("status", {}).get("conditions", [])
    return next((c["status"] for c in conditions if c["type"] == kind), None)
