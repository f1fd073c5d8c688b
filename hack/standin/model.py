"""A Kafka and its pools as plain values. Pure."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]
GROUP: Final = "kafka.strimzi.io"
CLUSTER: Final = "strimzi.io/cluster"
PAUSE: Final = "strimzi.io/pause-reconciliation"
VERSION: Final = "4.3.1"
METADATA_VERSION: Final = "4.3"
STRIMZI: Final = "1.2.0"
NOT_COPIED: Final = re.compile(r"app\.kubernetes\.io/(?!part-of).*|kustomize\.toolkit\.fluxcd\.io.*")
"""Labels of a custom resource that Strimzi does not copy to the objects that it makes for it."""


def new_cluster_id(random: Callable[[int], bytes]) -> str:
    """A Kafka cluster's id. `random` gives this many random bytes.

    As with Kafka's own, none begins with a dash: `kafka-storage format -t` would take it for an option.
    """
    while True:
        found = base64.urlsafe_b64encode(random(16)).decode().rstrip("=")
        if not found.startswith("-"):
            return found


@dataclass(frozen=True)
class Listener:
    """One of `spec.kafka.listeners`; `auth` is tls, scram-sha-512 or empty."""

    name: str
    port: int
    tls: bool
    auth: str

    @property
    def kafka_name(self) -> str:
        """Its name inside Kafka, as Strimzi chooses it."""
        return f"{self.name.upper()}-{self.port}"


@dataclass(frozen=True)
class Node:
    """One Kafka node: a broker, a controller or both."""

    id: int
    pool: str
    roles: tuple[str, ...]
    name: str

    @property
    def broker(self) -> bool:
        """Whether it has partitions."""
        return "broker" in self.roles

    @property
    def controller(self) -> bool:
        """Whether it is in the KRaft quorum."""
        return "controller" in self.roles


@dataclass(frozen=True)
class Cluster:
    """A Kafka and its pools. `nodes` are sorted by id, `pools` by name."""

    name: str
    namespace: str
    kafka: Json
    pools: tuple[Json, ...]
    nodes: tuple[Node, ...]

    @property
    def spec(self) -> Json:
        """`spec.kafka`."""
        return dict(self.kafka.get("spec", {}).get("kafka", {}))

    @property
    def config(self) -> Json:
        """`spec.kafka.config`."""
        return dict(self.spec.get("config") or {})

    @property
    def brokers(self) -> tuple[Node, ...]:
        """Nodes with partitions."""
        return tuple(node for node in self.nodes if node.broker)

    @property
    def controllers(self) -> tuple[Node, ...]:
        """Nodes in the quorum."""
        return tuple(node for node in self.nodes if node.controller)

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """The listeners for clients."""
        return tuple(
            Listener(one["name"], one["port"], one["tls"], (one.get("authentication") or {}).get("type", ""))
            for one in self.spec.get("listeners", [])
        )

    @property
    def authorized(self) -> bool:
        """Whether brokers check ACLs."""
        return bool((self.spec.get("authorization") or {}).get("type") == "simple")

    def pool(self, name: str) -> Json:
        """The pool of that name."""
        return next(pool for pool in self.pools if pool["metadata"]["name"] == name)

    def host(self, node: Node) -> str:
        """A node's name in the cluster's DNS."""
        return f"{node.name}.{self.name}-kafka-brokers.{self.namespace}.svc"


def meta(resource: Json) -> Json:
    """An object's metadata."""
    return dict(resource["metadata"])


def label(resource: Json, name: str) -> str | None:
    """A label's value; None if the object does not have it."""
    value = (resource["metadata"].get("labels") or {}).get(name)
    return None if value is None else str(value)


def copied_labels(resource: Json) -> dict[str, str]:
    """The labels of a custom resource that Strimzi copies to all objects that it makes for it."""
    found = resource["metadata"].get("labels") or {}
    return {name: str(value) for name, value in found.items() if not NOT_COPIED.match(name)}


def paused(resource: Json) -> bool:
    """Whether its reconciliation is paused by annotation."""
    return bool((resource["metadata"].get("annotations") or {}).get(PAUSE) == "true")


def assign_ids(pools: Sequence[Json], replicas: Mapping[str, int]) -> dict[str, list[int]]:
    """Node ids per pool: those in the pools' status stay, new ones are the lowest free.

    `replicas` is the desired number of nodes per pool.
    """
    names = [pool["metadata"]["name"] for pool in pools]
    held = {pool["metadata"]["name"]: list((pool.get("status") or {}).get("nodeIds") or []) for pool in pools}
    ids = {name: sorted(held[name])[: replicas[name]] for name in names}
    used = {one for group in held.values() for one in group}
    for name in names:
        while len(ids[name]) < replicas[name]:
            free = next(number for number in range(len(used) + 1) if number not in used)
            used.add(free)
            ids[name].append(free)
    return ids


def cluster(kafka: Json, pools: Sequence[Json], keep: Mapping[str, int] | None = None) -> Cluster:
    """Combine a Kafka and its pools. `keep`: a minimum number of nodes, for now, for some pools."""
    name, namespace = kafka["metadata"]["name"], kafka["metadata"]["namespace"]
    mine = sorted((pool for pool in pools if label(pool, CLUSTER) == name), key=lambda pool: str(meta(pool)["name"]))
    wanted = {
        meta(pool)["name"]: max(pool["spec"]["replicas"], (keep or {}).get(meta(pool)["name"], 0)) for pool in mine
    }
    ids = assign_ids(mine, wanted)
    nodes = [
        Node(number, meta(pool)["name"], tuple(sorted(pool["spec"]["roles"])), f"{name}-{meta(pool)['name']}-{number}")
        for pool in mine
        for number in ids[meta(pool)["name"]]
    ]
    return Cluster(name, namespace, kafka, tuple(mine), tuple(sorted(nodes, key=lambda node: node.id)))
