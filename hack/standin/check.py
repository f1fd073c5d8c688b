"""What Strimzi rejects and what it warns about in a Kafka. Pure."""

from typing import Final

from hack.standin.model import METADATA_VERSION, VERSION, Cluster, Json

INVALID: Final = "InvalidResourceException"
BOUND_BY_BROKERS: Final = (
    "default.replication.factor",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
)


def _pool_problem(cluster: Cluster) -> str | None:
    if not cluster.pools:
        return (
            f"KafkaNodePools are enabled, but no KafkaNodePools found for Kafka cluster {cluster.name}. "
            "Add at least one broker and one controller node pool with the strimzi.io/cluster label."
        )
    missing = [role for role, nodes in (("broker", cluster.brokers), ("controller", cluster.controllers)) if not nodes]
    if missing:
        return "; ".join(
            f"At least one KafkaNodePool with the {role} role and at least one replica is required" for role in missing
        )
    return None


def _config_problem(cluster: Cluster) -> str | None:
    brokers = len(cluster.brokers)
    for option in BOUND_BY_BROKERS:
        if int(cluster.config.get(option, 1)) > brokers:
            return (
                f"Kafka configuration option '{option}' should be set to {brokers} or less because this cluster "
                f"has only {brokers} Kafka broker(s)."
            )
    return None


def _listener_problem(cluster: Cluster) -> str | None:
    listeners = cluster.listeners
    for what, values in (("names", [one.name for one in listeners]), ("ports", [one.port for one in listeners])):
        if len(set(values)) != len(values):
            return f"every listener needs to have a unique {what[:-1]}"
    kinds = {one["type"] for one in cluster.spec.get("listeners", [])} - {"internal"}
    if kinds:
        return f"the local cluster has listeners of type internal only, not {', '.join(sorted(kinds))}"
    plain = [one.name for one in listeners if one.auth == "tls" and not one.tls]
    return f"listener {plain[0]}: TLS authentication needs tls: true" if plain else None


def problem(cluster: Cluster) -> tuple[str, str] | None:
    """The reason and message why the cluster is rejected; None if it is accepted."""
    version = cluster.spec.get("version", VERSION)
    if version != VERSION:
        return "UnsupportedKafkaVersionException", (
            f"Unsupported Kafka.spec.kafka.version: {version}. Supported versions are: [{VERSION}]"
        )
    metadata = cluster.spec.get("metadataVersion", METADATA_VERSION)
    if not metadata.split("-")[0].startswith(("3.", "4.")) or metadata.split("-")[0] > METADATA_VERSION:
        return INVALID, f"Metadata version {metadata} is invalid for Kafka {VERSION}"
    found = _pool_problem(cluster) or _listener_problem(cluster) or _config_problem(cluster)
    return (INVALID, found) if found else None


def _warning(reason: str, message: str) -> Json:
    return {"type": "Warning", "status": "True", "reason": reason, "message": message}


def _ephemeral(cluster: Cluster, pool: str) -> bool:
    storage = cluster.pool(pool)["spec"]["storage"]
    volumes = storage.get("volumes") or [storage]
    return all(volume["type"] == "ephemeral" for volume in volumes)


def warnings(cluster: Cluster) -> list[Json]:
    """Conditions of type Warning, as from Strimzi's own check of a spec, without transition times."""
    found = []
    for nodes, words in (
        (cluster.brokers, "A Kafka cluster with a single broker node and ephemeral storage will lose topic messages"),
        (cluster.controllers, "A Kafka cluster with a single controller node and ephemeral storage will lose data"),
    ):
        if len(nodes) == 1 and _ephemeral(cluster, nodes[0].pool):
            found.append(_warning("KafkaStorage", f"{words} after any restart or rolling update."))
    if len(cluster.brokers) > 1:
        for option, reason in (
            ("default.replication.factor", "KafkaDefaultReplicationFactor"),
            ("min.insync.replicas", "KafkaMinInsyncReplicas"),
        ):
            if option not in cluster.config:
                words = "is not configured. It defaults to 1 which does not guarantee reliability and availability."
                found.append(
                    _warning(reason, f"{option} option {words} You should configure this option in .spec.kafka.config.")
                )
    if len(cluster.controllers) % 2 == 0:
        words = (
            "two nodes is not advisable as both nodes will be needed to avoid downtime. "
            "It is recommended that a minimum of three nodes are used."
            if len(cluster.controllers) == 2
            else "an odd number of nodes is recommended."
        )
        found.append(_warning("KafkaKRaftControllerNodeCount", f"Running KRaft controller quorum with {words}"))
    if not VERSION.startswith(str(cluster.spec.get("metadataVersion", METADATA_VERSION)).split("-")[0]):
        words = (
            "Metadata version is older than the Kafka version used by the cluster, which suggests that an upgrade is"
        )
        found.append(_warning("KafkaMetadataVersion", f"{words} incomplete."))
    return found


def blocked_scale_downs(cluster: Cluster, holding: set[int] | None) -> tuple[dict[str, int], list[Json]]:
    """Pools that must not shrink yet with their number of nodes, and a warning for each whose brokers have partitions.

    `holding` are the ids of brokers with partitions; None: unknown, so nothing shrinks.
    """
    keep: dict[str, int] = {}
    found = []
    for pool in cluster.pools:
        name = str(pool["metadata"]["name"])
        ids = list((pool.get("status") or {}).get("nodeIds") or [])
        removed = set(ids) - {node.id for node in cluster.nodes if node.pool == name}
        if not removed or "broker" not in pool["spec"]["roles"]:
            continue
        if holding is None or removed & holding:
            keep[name] = len(ids)
        if holding is not None and removed & holding:
            words = f"Reverting scale-down of KafkaNodePool {name} by changing number of replicas to {len(ids)}"
            found.append(_warning("ScaleDownPreventionCheck", words))
    return keep, found
