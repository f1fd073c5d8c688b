"""Facts of pipelines for the console's tests."""

from dataclasses import replace
from typing import Any

from orderpipeline_operator.console.brokers import BrokerFacts, Disk, KafkaFacts, Replicas
from orderpipeline_operator.console.facts import Condition, Facts, Instances, Topics
from orderpipeline_operator.domain.lag.sample import Group, Load, Owner
from orderpipeline_operator.sampling.view import ScalingView

NUMBERS = {"arrivalRate": 120.0, "processedRate": 200.0, "ratePerConsumer": 100.0, "lag": 400, "wanted": 2}
LOADS = (Load(0, 400, 60.0, 100.0, 4.0), Load(1, 0, 60.0, 100.0, 0.0), Load(2, 0, 0.0, 0.0, 0.0))
GROUP = Group("Stable", 2, "consumer", (Owner("c-10", (1,)), Owner("c-2", (0, 2))))


def view(**changes: Any) -> ScalingView:
    """400 orders wait, 2 consumers are desired."""
    latest = {
        "at": "2026-12-01T10:00:00Z", "previous": 1, "replicas": 2, "reason": "Demand", "message": "2 consumers.",
        "numbers": NUMBERS,
    }  # fmt: skip
    given = ScalingView(
        orders=400, seconds=4.0, partitions=3, desired=2, why="2 consumers.", latest=latest, decisions=(latest,),
        reason="Demand", loads=LOADS, group=GROUP,
    )  # fmt: skip
    return replace(given, **changes)


def facts(name: str = "shop", namespace: str = "default", **changes: Any) -> Facts:
    """A pipeline that is well."""
    given = Facts(
        key=(namespace, name), at=1000.0, state="Ready", tone="good",
        topics=Topics("orders-placed", name, "orders-placed.dead-letter", 3), scaling=view(),
        producers=Instances(1, 1), consumers=Instances(2, 2), bounds=(1, 3), mode="Auto",
        api="http://127.0.0.1:8080/order", sink="log",
        conditions=(Condition("Ready", "True", "good", "Ready", "Well."),),
        commands={"why": f"orderpipeline why {name}", "brokers": "kubectl get pods", "consumerLogs": "kubectl logs"},
    )  # fmt: skip
    return replace(given, **changes)


def cluster(**changes: Any) -> KafkaFacts:
    """Two brokers that have everything."""
    disks = (Disk("/data", 10, 1000, 900),)
    given = KafkaFacts(
        at=1000.0,
        brokers=(BrokerFacts(0, "a:9092", True, 2, 3, disks), BrokerFacts(1, "b:9092", False, 1, 3, disks)),
        partitions=tuple(Replicas("orders-placed", number, 0, (0, 1), (0, 1)) for number in range(3)),
        dead=0,
    )
    return replace(given, **changes)
