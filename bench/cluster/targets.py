"""What is measured: a pipeline in the cluster, its addresses, and the pods that its parts are. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from bench.cluster.peer import Peer
from hack.native.config import HTTP_PORT, NODE_IP
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names

OURS: Final = "ours"
GO: Final = "go"
SERVICE: Final = "service"
INGRESS: Final = "ingress"
DOORS: Final = (SERVICE, INGRESS)
SINK: Final = {"app": "shop-postgres"}
"""The pod of examples/postgres.yaml; the sinks that write to a log or a webhook are in the consumers."""
Labels = Mapping[str, str]


@dataclass(frozen=True)
class Target:
    """A pipeline. `service` is the host of its order API inside the cluster, `host` the one of its Ingress; `parts`
    have the labels of their pods."""

    name: str
    service: str
    host: str
    topic: str
    group: str
    parts: Mapping[str, Labels]

    def address(self, door: str) -> tuple[str, Sequence[str]]:
        """The URL and the further headers of requests, through the Service or the Ingress."""
        if door == SERVICE:
            return f"http://{self.service}", ()
        return f"http://{NODE_IP}:{HTTP_PORT}", (f"Host: {self.host}",)


def ours(name: str, namespace: str, spec: OrderPipelineSpec) -> Target:
    """A pipeline of ours. RuntimeError if it has no Ingress."""
    if spec.producer.ingress is None:
        raise RuntimeError(f"the pipeline {name} has no Ingress; apply examples/shop.yaml")
    services = {part: names.selector_labels(name, part) for part in ("producer", "consumer")}
    return Target(
        OURS, f"{names.producer(name)}.{namespace}.svc", spec.producer.ingress.host, spec.topic.name,
        names.group(name, spec), _parts(name, services["producer"], services["consumer"]) | {"sink": SINK},
    )  # fmt: skip


def go(peer: Peer) -> Target:
    """The peer in Go, on the same brokers."""
    parts = _parts(peer.kafka, {"app": peer.producer}, {"app": peer.consumer})
    return Target(GO, f"{peer.name}.{peer.namespace}.svc", peer.host, peer.topic, peer.group, parts)


def _parts(kafka: str, producer: Labels, consumer: Labels) -> dict[str, Labels]:
    brokers = {names.STRIMZI_CLUSTER_LABEL: kafka, "strimzi.io/kind": "Kafka"}
    return {"producer": producer, "kafka": brokers, "consumer": consumer}


def consumers(spec: OrderPipelineSpec) -> int:
    """How many consumers a pipeline has while orders arrive steadily."""
    return ceil(spec.topic.partitions / spec.autoscaling.partitions_per_consumer.max)


@dataclass(frozen=True)
class Pod:
    """A running pod. `restarts` are those of its containers."""

    name: str
    uid: str
    address: str
    restarts: int


def pods_of(listed: Sequence[Mapping[str, Any]], parts: Mapping[str, Labels]) -> dict[str, tuple[Pod, ...]]:
    """The pods of each part that has any, from a list of pods as Kubernetes has them."""
    found = {}
    for part, labels in parts.items():
        chosen = [each for each in listed if labels.items() <= each["metadata"].get("labels", {}).items()]
        pods = tuple(
            Pod(
                each["metadata"]["name"],
                each["metadata"]["uid"],
                each["status"]["podIP"],
                sum(one["restartCount"] for one in each["status"].get("containerStatuses", ())),
            )
            for each in chosen
            if each["status"].get("phase") == "Running" and "deletionTimestamp" not in each["metadata"]
        )
        if pods:
            found[part] = pods
    return found
