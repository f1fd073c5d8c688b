"""Which pods and processes are a part, and what they have used, by cgroups of both versions."""

from pathlib import Path
from typing import Any

import pytest

from bench.cluster import cgroups
from bench.cluster.targets import consumers, ours, pods_of
from bench.cluster.tests.samples import shop


def pod(name: str, labels: dict[str, str], **status: Any) -> dict[str, Any]:
    containers = [{"restartCount": 1}, {"restartCount": 2}]
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": labels},
        "status": {"phase": "Running", "podIP": "10.244.0.9", "containerStatuses": containers, **status},
    }


def test_pods_are_told_by_their_labels() -> None:
    target = ours("shop", "default", shop())
    listed = [
        pod("a", {**target.parts["producer"], "pod-template-hash": "1"}),
        pod("b", {**target.parts["producer"]}, phase="Pending"),
        pod("c", {**target.parts["consumer"]}),
        pod("d", {"strimzi.io/cluster": "shop", "strimzi.io/kind": "Kafka"}),
        pod("e", {"strimzi.io/cluster": "other", "strimzi.io/kind": "Kafka"}),
    ]
    found = pods_of(listed, target.parts)
    assert {part: [one.name for one in each] for part, each in found.items()} == {
        "producer": ["a"], "consumer": ["c"], "kafka": ["d"],
    }  # fmt: skip
    assert found["producer"][0].restarts == 3


def test_a_pod_that_goes_is_none() -> None:
    target = ours("shop", "default", shop())
    going = pod("a", dict(target.parts["consumer"]))
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert pods_of([going], target.parts) == {}


def test_addresses_are_those_of_the_service_and_the_ingress() -> None:
    target = ours("shop", "default", shop())
    assert target.address("service") == ("http://shop-producer.default.svc", ())
    assert target.address("ingress") == ("http://10.77.0.1:8080", ("Host: shop.localhost",))
    assert (target.topic, target.group) == ("orders-placed", "shop")


def test_consumers_are_those_of_a_steady_flow() -> None:
    assert consumers(shop()) == 4


def test_cgroups_of_version_1(tmp_path: Path) -> None:
    folder = tmp_path / "cpuacct/orderpipeline/kubepods/burstable/podabc"
    (folder / "container").mkdir(parents=True)
    (folder / "cpuacct.usage").write_text("1500000000\n")
    (folder / "cgroup.procs").write_text("")
    (folder / "container" / "cgroup.procs").write_text("12\n7\n")
    assert cgroups.of_pod("abc", tmp_path) == folder
    assert cgroups.cpu_seconds(folder) == 1.5
    assert cgroups.processes(folder) == [7, 12]
    with pytest.raises(RuntimeError, match="the pod xyz has no cgroup"):
        cgroups.of_pod("xyz", tmp_path)


def test_cgroups_of_version_2(tmp_path: Path) -> None:
    folder = tmp_path / "orderpipeline/kubepods/podabc"
    folder.mkdir(parents=True)
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    (folder / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\nsystem_usec 2\n")
    assert cgroups.of_pod("abc", tmp_path) == folder
    assert cgroups.cpu_seconds(folder) == 2.5
