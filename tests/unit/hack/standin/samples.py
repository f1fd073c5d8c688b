"""Objects as the stand-in gets them from the API server."""

from typing import Any

from hack.standin import model

Json = dict[str, Any]


def kafka(generation: int = 1, **spec: Any) -> Json:
    listeners = [
        {"name": "tls", "port": 9093, "type": "internal", "tls": True, "authentication": {"type": "scram-sha-512"}},
        {"name": "plain", "port": 9092, "type": "internal", "tls": False},
    ]
    config = {"default.replication.factor": 3, "min.insync.replicas": 2}
    return {
        "apiVersion": "kafka.strimzi.io/v1", "kind": "Kafka",
        "metadata": {"name": "x", "namespace": "shop", "uid": "k", "generation": generation},
        "spec": {"kafka": {"listeners": listeners, "config": config, **spec}, "entityOperator": {}},
    }  # fmt: skip


def pool(name: str, replicas: int, *roles: str, ids: list[int] | None = None, **spec: Any) -> Json:
    storage = {"type": "jbod", "volumes": [{"id": 0, "type": "persistent-claim", "size": "1Gi"}]}
    return {
        "apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaNodePool",
        "metadata": {
            "name": name, "namespace": "shop", "uid": name, "generation": 1, "labels": {"strimzi.io/cluster": "x"},
        },
        "spec": {"replicas": replicas, "roles": list(roles), "storage": storage, **spec},
        "status": {"nodeIds": ids} if ids else {},
    }  # fmt: skip


def cluster(brokers: int = 3, controllers: int = 3, **spec: Any) -> model.Cluster:
    pools = [pool("brokers", brokers, "broker"), pool("controllers", controllers, "controller")]
    return model.cluster(kafka(**spec), pools)


def pod(revision: str, ready: bool = True, going: bool = False, phase: str = "Running") -> Json:
    metadata: Json = {"annotations": {"strimzi.io/revision": revision}}
    if going:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {
        "metadata": metadata,
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def topic(name: str = "orders", uid: str = "1", **more: Any) -> Json:
    metadata = {
        "name": name, "namespace": "shop", "uid": uid, "generation": 2,
        "creationTimestamp": f"2026-01-0{uid}T00:00:00Z", "finalizers": ["strimzi.io/topic-operator"],
        **more.pop("metadata", {}),
    }  # fmt: skip
    spec = {"partitions": 12, "replicas": 3, **more.pop("spec", {})}
    return {"kind": "KafkaTopic", "metadata": metadata, "spec": spec, "status": more.pop("status", {})}


def user(**spec: Any) -> Json:
    metadata = {
        "name": "u", "namespace": "shop", "uid": "u", "generation": 3, "labels": {"strimzi.io/cluster": "x"},
    }  # fmt: skip
    return {
        "kind": "KafkaUser",
        "metadata": metadata,
        "spec": {"authentication": {"type": "scram-sha-512"}, **spec},
    }
