"""When a change takes effect: at the begin of a reconcile, which ends when the pods are as it wants them."""

from typing import Any

import pytest

from hack.standin.clusters import Clusters
from hack.standin.reconcile import INTERVAL_SECONDS, TIMEOUT_SECONDS
from tests.unit.hack.standin import samples
from tests.unit.hack.standin.fakes import Clock, FakeBrokers, FakeKube


class Standin:
    """The stand-in and a cluster of a broker and a controller."""

    def __init__(self) -> None:
        self.pools = {role: samples.pool(f"{role}s", 1, role) for role in ("broker", "controller")}
        self.kafka = samples.kafka(config={})
        self.kube = FakeKube(self.kafka, *self.pools.values())
        self.clock = Clock()
        self.clusters = Clusters(self.kube, FakeBrokers, self.clock, lambda _: None)

    def rounds(self, count: int = 12) -> None:
        for _ in range(count):
            self.clusters.round()

    def change_kafka(self, generation: int, **spec: Any) -> None:
        changed = samples.kafka(generation, **{"config": {}, **spec})
        self.kube.put({**changed, "status": self.kube.objects["Kafka", "x"].get("status") or {}})

    def change_pool(self, role: str, **spec: Any) -> None:
        name = f"{role}s"
        changed = samples.pool(name, 1, role, **spec)
        changed["metadata"]["generation"] = 2
        self.kube.put({**changed, "status": self.kube.objects["KafkaNodePool", name]["status"]})

    @property
    def status(self) -> samples.Json:
        return self.kube.objects["Kafka", "x"]["status"]

    @property
    def revisions(self) -> set[str]:
        return {self.pod(name)["metadata"]["annotations"]["strimzi.io/revision"] for name in self.kube.names("Pod")}

    def pod(self, name: str) -> samples.Json:
        return self.kube.objects["Pod", name]


@pytest.fixture
def standin() -> Standin:
    standin = Standin()
    standin.rounds()
    assert standin.status["conditions"][-1]["type"] == "Ready"
    return standin


def test_a_change_waits_for_the_roll_under_way(standin: Standin) -> None:
    standin.kube.pods_become_ready = False
    standin.change_kafka(2, config={"message.max.bytes": 1})
    standin.rounds()
    rolling = standin.revisions
    standin.change_kafka(3, config={"message.max.bytes": 2})
    standin.rounds()
    assert standin.revisions == rolling
    assert standin.status["observedGeneration"] == 1
    standin.kube.make_pods_ready()
    generations = []
    for _ in range(12):
        standin.rounds(1)
        generations.append(standin.status["observedGeneration"])
    assert sorted(set(generations)) == [1, 2, 3]


def test_a_pool_written_before_its_kafka_begins_a_roll_of_its_own(standin: Standin) -> None:
    before = standin.pod("x-brokers-0")["metadata"]["annotations"]
    standin.kube.pods_become_ready = False
    standin.change_pool("broker", jvmOptions={"-Xmx": "512m"})
    standin.rounds(3)
    standin.change_kafka(2, config={"message.max.bytes": 1})
    first = standin.pod("x-brokers-0")["metadata"]["annotations"]
    standin.kube.make_pods_ready()
    standin.rounds()
    second = standin.pod("x-brokers-0")["metadata"]["annotations"]
    assert before != first != second
    assert standin.status["observedGeneration"] == 2


@pytest.mark.parametrize(
    ("kind", "name"), [("Service", "x-kafka-bootstrap"), ("PodDisruptionBudget", "x-kafka"), ("Secret", "x-cluster-ca")]
)
def test_what_nobody_watches_comes_back_with_the_next_reconcile(standin: Standin, kind: str, name: str) -> None:
    standin.kube.delete(kind, "shop", name)
    standin.clock.advance(INTERVAL_SECONDS - 1)
    standin.rounds()
    assert name not in standin.kube.names(kind)
    standin.clock.advance(1)
    standin.rounds()
    assert name in standin.kube.names(kind)


def test_a_pod_comes_back_at_once(standin: Standin) -> None:
    standin.kube.delete("Pod", "shop", "x-brokers-0")
    standin.rounds(1)
    assert "x-brokers-0" in standin.kube.names("Pod")


def test_a_roll_that_never_ends_is_given_up_and_the_next_change_is_seen(standin: Standin) -> None:
    standin.kube.pods_become_ready = False
    standin.change_kafka(2, config={"message.max.bytes": 1})
    standin.rounds()
    standin.clock.advance(TIMEOUT_SECONDS + 1)
    standin.rounds(1)
    failure = standin.status["conditions"][-1]
    assert (failure["type"], failure["reason"]) == ("NotReady", "TimeoutException")
    standin.change_kafka(3)
    standin.kube.make_pods_ready()
    standin.rounds()
    assert standin.status["conditions"][-1]["type"] == "Ready"
    assert standin.status["observedGeneration"] == 3


def test_a_refused_spec_keeps_the_pods_and_says_why_until_it_is_mended(standin: Standin) -> None:
    standin.change_kafka(2, config={"default.replication.factor": 3})
    standin.rounds()
    assert standin.status["conditions"][-1]["reason"] == "InvalidResourceException"
    assert "listeners" not in standin.status
    assert standin.kube.names("Pod") == {"x-brokers-0", "x-controllers-1"}
    standin.change_kafka(3)
    standin.rounds()
    assert standin.status["conditions"][-1]["type"] == "Ready"


def test_pods_belong_to_the_set_of_their_pool_whose_status_shows_a_roll(standin: Standin) -> None:
    def numbers() -> tuple[int, ...]:
        found = standin.kube.objects["StrimziPodSet", "x-brokers"]["status"]
        return tuple(found[name] for name in ("pods", "currentPods", "readyPods"))

    assert standin.kube.names("StrimziPodSet") == {"x-brokers", "x-controllers"}
    (owner,) = standin.pod("x-brokers-0")["metadata"]["ownerReferences"]
    assert (owner["apiVersion"], owner["kind"], owner["name"]) == ("core.strimzi.io/v1", "StrimziPodSet", "x-brokers")
    assert owner["controller"] is True
    standin.rounds(1)
    assert numbers() == (1, 1, 1)
    standin.kube.pods_become_ready = False
    standin.change_pool("broker", jvmOptions={"-Xmx": "512m"})
    standin.rounds(1)
    assert numbers() == (1, 0, 1)
    assert standin.kube.objects["KafkaNodePool", "brokers"]["status"]["observedGeneration"] == 1
    standin.rounds(3)
    assert numbers() == (1, 1, 0)
    standin.kube.make_pods_ready()
    standin.rounds(2)
    assert numbers() == (1, 1, 1)
    assert standin.kube.objects["KafkaNodePool", "brokers"]["status"]["observedGeneration"] == 2
