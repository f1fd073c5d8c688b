"""The statuses of Kafka and its pools, as Strimzi writes them. Pure; `now` is an RFC 3339 time."""

from collections.abc import Mapping, Sequence

from hack.standin import roll
from hack.standin.check import warnings
from hack.standin.model import CLUSTER, METADATA_VERSION, STRIMZI, VERSION, Cluster, Json


def condition(kind: str, reason: str | None = None, message: str | None = None, status: str = "True") -> Json:
    """A condition without its transition time."""
    found: Json = {"type": kind, "status": status}
    if reason is not None:
        found["reason"] = reason
    if message is not None:
        found["message"] = message
    return found


def stamped(conditions: Sequence[Json], before: Sequence[Json], now: str) -> list[Json]:
    """Conditions with transition times; unchanged ones keep theirs."""

    def bare(one: Json) -> Json:
        return {key: value for key, value in one.items() if key != "lastTransitionTime"}

    def time(one: Json) -> str:
        return str(next((old.get("lastTransitionTime", now) for old in before if bare(old) == one), now))

    return [{**one, "lastTransitionTime": time(one)} for one in conditions]


def failed(reason: str, message: str) -> list[Json]:
    """The conditions of a Kafka or a user that cannot be as specified."""
    return [condition("NotReady", reason, message)]


def listeners(cluster: Cluster, ca: str) -> list[Json]:
    """`status.listeners`; `ca` is the PEM of the cluster's CA."""
    host = f"{cluster.name}-kafka-bootstrap.{cluster.namespace}.svc"
    return [
        {
            "name": one.name,
            "addresses": [{"host": host, "port": one.port}],
            "bootstrapServers": f"{host}:{one.port}",
            **({"certificates": [ca]} if one.tls else {}),
        }
        for one in cluster.listeners
    ]


def kafka(cluster: Cluster, state: str, before: Json, cluster_id: str, ca: str, extra: Sequence[Json] = ()) -> Json:
    """A Kafka's status; `state` is creating, rolling or ready. `extra`: warnings in addition to the spec's.

    While creating, there is only the condition. While rolling, Ready and observedGeneration stay as they were.
    """
    if state == "creating":
        waiting = [condition("NotReady", "Creating", "Kafka cluster is being deployed")]
        return {"conditions": waiting, "observedGeneration": 0, "clusterId": cluster_id}
    if state == "rolling":
        return before
    return {
        "conditions": [*warnings(cluster), *extra, condition("Ready")],
        "observedGeneration": cluster.kafka["metadata"]["generation"],
        "listeners": listeners(cluster, ca),
        "kafkaNodePools": [{"name": pool["metadata"]["name"]} for pool in cluster.pools],
        "clusterId": cluster_id,
        "operatorLastSuccessfulVersion": STRIMZI,
        "kafkaVersion": VERSION,
        "kafkaMetadataVersion": cluster.spec.get("metadataVersion", METADATA_VERSION).split("-")[0] + "-IV0",
        "autoRebalance": {"state": "Idle"} if (cluster.kafka["spec"].get("cruiseControl") or {}) else None,
    }


def pod_set(one: Json, found: Mapping[str, Json]) -> Json:
    """A StrimziPodSet's status; `found` are the pods that exist, by name."""
    wanted = {pod["metadata"]["name"]: roll.revision(pod) for pod in one["spec"]["pods"]}
    there = {name: found[name] for name in wanted if name in found}
    return {
        "observedGeneration": one["metadata"]["generation"],
        "pods": len(wanted),
        "readyPods": sum(roll.ready(pod) for pod in there.values()),
        "currentPods": sum(roll.revision(pod) == wanted[name] for name, pod in there.items()),
    }


def pool(cluster: Cluster, one: Json, cluster_id: str, *, done: bool) -> Json:
    """A node pool's status; `done`: whether its pods are as it wants them, before which its generation stays."""
    before = (one.get("status") or {}).get("observedGeneration")
    name = one["metadata"]["name"]
    ids = [node.id for node in cluster.nodes if node.pool == name]
    seen = one["metadata"]["generation"] if done else before
    selector = f"{CLUSTER}={cluster.name},strimzi.io/name={cluster.name}-kafka,strimzi.io/kind=Kafka"
    return {
        **({"observedGeneration": seen} if seen else {}),
        "nodeIds": ids,
        "clusterId": cluster_id,
        "roles": sorted(one["spec"]["roles"]),
        "replicas": len(ids),
        "labelSelector": f"{selector},strimzi.io/pool-name={name}",
        "conditions": [],
    }
