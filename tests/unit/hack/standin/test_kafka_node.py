"""The heap that a node's entry program chooses."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from hack.standin import model, pods
from tests.unit.hack.standin import samples

GIB = 2**30


@pytest.fixture(scope="module")
def node() -> ModuleType:
    path = Path(pods.__file__).with_name("kafka-node")
    loader = SourceFileLoader("kafka_node", str(path))
    spec = spec_from_loader("kafka_node", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("pool", "memory", "flags"),
    [
        ({"resources": {"requests": {"memory": "512Mi"}}}, 24 * GIB, [f"-Xms{5 * GIB}", f"-Xmx{5 * GIB}"]),
        ({"resources": {"limits": {"memory": "2Gi"}}}, 2 * GIB, [f"-Xms{GIB}", f"-Xmx{GIB}"]),
        ({"resources": {"requests": {"memory": "1Gi"}}, "jvmOptions": {"-Xms": "1g"}}, 8 * GIB, ["-Xms1g"]),
        ({"jvmOptions": {"-Xms": "320m", "-Xmx": "320m"}}, 24 * GIB, ["-Xms320m", "-Xmx320m"]),
        ({"resources": {"requests": {"cpu": "1"}}}, 24 * GIB, ["-Xms128M"]),
        ({}, 24 * GIB, ["-Xms128M"]),
    ],
)
def test_the_heap_is_computed_as_by_strimzi(
    node: ModuleType, pool: dict[str, samples.Json], memory: int, flags: list[str]
) -> None:
    pools = [samples.pool("brokers", 1, "broker", **pool), samples.pool("controllers", 1, "controller")]
    cluster = model.cluster(samples.kafka(), pools)
    assert node.heap(pods.heap(cluster, cluster.brokers[0]), memory) == flags
    made = pods.pod(cluster, cluster.brokers[0], "id", "trust")["spec"]["containers"][0]
    assert made["resources"] == pool.get("resources", {})


def test_the_kafkas_options_are_those_of_pools_without_any() -> None:
    cluster = samples.cluster(jvmOptions={"-Xmx": "2g"}, resources={"requests": {"memory": "4Gi"}})
    assert pods.heap(cluster, cluster.brokers[0]) == {"KAFKA_HEAP_OPTS": "-Xmx2g"}
    assert pods.resources(cluster, cluster.brokers[0]) == {"requests": {"memory": "4Gi"}}


def test_the_memory_that_is_left_is_known(node: ModuleType) -> None:
    assert node.memory() > 2**20


@pytest.mark.parametrize(("roles", "quick"), [("broker", False), ("broker,controller", False), ("controller", True)])
def test_brokers_are_compiled_in_full(node: ModuleType, roles: str, quick: bool) -> None:
    assert node.compiler(roles) == (["-XX:TieredStopAtLevel=1"] if quick else [])
    assert not any("TieredStopAtLevel" in flag for flag in node.FLAGS)
