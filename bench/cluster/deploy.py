"""Puts the peer beside the pipeline for a while, and gives both the same number of consumers."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.cluster.peer import IMAGE, READER, Manifest, Peer, in_kafka, workloads
from bench.cluster.targets import Target, consumers, go, ours
from hack.native.images import Image, build_one
from hack.native.progress import say
from hack.native.up import cluster
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.units.durations import milliseconds
from orderpipeline_operator.domain.validation.accept import Rejected, accept
from tests.e2e.cluster import Cluster, wait_until

PIPELINE: Final = "shop"
NAMESPACE: Final = "default"
SECONDS: Final = 300.0
PEERS_IMAGE: Final = Image(IMAGE, "bench/peers/Dockerfile", context_command="bench/peers/context")


@dataclass(frozen=True)
class Deployed:
    """What runs, and how the bench gets into its Kafka: the folder has the password of `user` and the CA."""

    targets: tuple[Target, ...]
    bootstrap: str
    user: str
    namespace: str
    size: Mapping[str, Any]
    """Of each target, and of the Kafka that they share."""


@contextmanager
def deployed(api: Cluster, folder: Path) -> Iterator[Deployed]:
    """Both, ready. Afterwards the peer is gone and the pipeline scales as before. RuntimeError or AssertionError that
    says what is missing."""
    found = api.get("orderpipeline", PIPELINE, "--namespace", NAMESPACE)
    spec = accept(found["spec"]) if found else None
    if spec is None or isinstance(spec, Rejected):
        raise RuntimeError(f"there is no pipeline {PIPELINE} that can run; run: make up")
    image = build_one(cluster().paths, PEERS_IMAGE, say)
    peer, mine = peer_of(PIPELINE, NAMESPACE, spec), ours(PIPELINE, NAMESPACE, spec)
    kafka, pods = in_kafka(peer, mine.topic, mine.group), workloads(peer, image)
    try:
        _apply(api, kafka)
        wait_until("the peer's topic and users", lambda: all(_ready(api, one) for one in kafka), seconds=SECONDS)
        _apply(api, pods)
        _scale(api, {"mode": "Off", "replicas": peer.consumers})
        for name in (peer.producer, peer.consumer):
            api.kubectl("rollout", "status", f"deployment/{name}", f"--timeout={SECONDS:.0f}s", timeout=SECONDS + 30)
        wait_until(f"{PIPELINE} has its consumers", lambda: _has_consumers(api, peer.consumers), seconds=SECONDS)
        _write_access(api, peer, folder)
        yield Deployed((mine, go(peer)), peer.bootstrap, READER, NAMESPACE, size_of(spec, peer))
    finally:
        before = found["spec"].get("autoscaling", {})
        _scale(api, {"mode": before.get("mode"), "replicas": before.get("replicas")})
        api.kubectl("delete", "--ignore-not-found", "--wait=true", "-f", "-", stdin=_listed([*pods, *kafka]))


def peer_of(name: str, namespace: str, spec: OrderPipelineSpec) -> Peer:
    """A peer of the pipeline's size."""
    producer, consumer = spec.producer, spec.consumer
    ingress = producer.ingress
    return Peer(
        namespace=namespace, kafka=names.kafka(name), partitions=spec.topic.partitions,
        copies=spec.kafka.replication_factor, min_in_sync=spec.kafka.min_in_sync_replicas,
        producers=producer.replicas, consumers=consumers(spec),
        linger_ms=milliseconds(producer.linger), class_name=ingress.class_name if ingress else None,
        requests={"producer": producer.resources.requests, "consumer": consumer.resources.requests},
    )  # fmt: skip


def size_of(spec: OrderPipelineSpec, peer: Peer) -> dict[str, Any]:
    """Numbers of brokers, copies and pods, and the sink."""
    consumer = spec.consumer
    return {
        "brokers": spec.kafka.brokers.replicas, "copies": peer.copies, "producers": peer.producers,
        "consumers": peer.consumers, "sink": consumer.handler or consumer.sink.type,
    }  # fmt: skip


def _apply(api: Cluster, manifests: list[Manifest]) -> None:
    api.kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager", "bench", "-f", "-", stdin=_listed(manifests)
    )


def _listed(manifests: list[Manifest]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})


def _scale(api: Cluster, autoscaling: dict[str, Any]) -> None:
    patch = json.dumps({"spec": {"autoscaling": autoscaling}})
    api.kubectl("patch", "orderpipeline", PIPELINE, "--namespace", NAMESPACE, "--type=merge", "--patch", patch)


def _ready(api: Cluster, made: Manifest) -> bool:
    found = api.get(made["kind"], made["metadata"]["name"], "--namespace", NAMESPACE)
    conditions = found.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _has_consumers(api: Cluster, count: int) -> bool:
    deployment = api.get("deployment", names.consumer(PIPELINE), "--namespace", NAMESPACE)
    return deployment["spec"]["replicas"] == count and api.settled(PIPELINE)


def _write_access(api: Cluster, peer: Peer, folder: Path) -> None:
    password = _decoded(api.get("secret", READER, "--namespace", NAMESPACE))["password"]
    authorities = _decoded(api.get("secret", names.cluster_ca_secret(peer.kafka), "--namespace", NAMESPACE))
    (folder / "password").write_text(password)
    (folder / "ca.crt").write_text("\n".join(text for name, text in authorities.items() if name.endswith(".crt")))


def _decoded(secret: dict[str, Any]) -> dict[str, str]:
    """The entries that are text; a key store is none."""
    found = {}
    for name, value in secret["data"].items():
        try:
            found[name] = base64.b64decode(value).decode()
        except UnicodeDecodeError:
            continue
    return found
