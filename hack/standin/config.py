"""The server.properties of one node. Pure."""

from typing import Final

from hack.kafka import config as kafka_config
from hack.standin.model import Cluster, Json, Node

CERTS: Final = "/etc/kafka/certs"
FORBIDDEN: Final = (
    "listeners", "advertised.", "broker.", "listener.", "host.name", "port", "inter.broker.listener.name", "sasl.",
    "ssl.", "security.", "password.", "log.dir", "authorizer.", "super.user", "node.id", "process.roles", "controller.",
    "metadata.log.dir", "cordoned.log.dirs",
)  # fmt: skip
ALLOWED: Final = ("controller.quorum.election", "controller.quorum.fetch.timeout", "ssl.cipher", "ssl.protocol")
MODEST: Final[dict[str, str | int]] = {  # for a machine with two cores; the user's config wins
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "num.recovery.threads.per.data.dir": 1,
    "log.cleaner.dedupe.buffer.size": 4194304,
    "offsets.topic.num.partitions": 12,
    "transaction.state.log.num.partitions": 6,
    "share.coordinator.state.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 500,
}


def replication(brokers: int) -> dict[str, str | int]:
    """The replication of Kafka's internal topics: 3 by default, but at most the number of brokers."""
    copies = min(3, brokers)
    return {
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": min(2, copies),
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": min(2, copies),
    }


def allowed(config: Json) -> dict[str, str | int]:
    """The user's settings without those that Strimzi owns and silently drops."""
    kept = {key: value for key, value in config.items() if not key.startswith(FORBIDDEN) or key.startswith(ALLOWED)}
    return {key: str(value).lower() if isinstance(value, bool) else value for key, value in kept.items()}


def volumes(storage: Json) -> list[tuple[str, Json]]:
    """Name and definition of each disk's volume; names are Strimzi's: `data`, or `data-ID` for JBOD."""
    if storage["type"] == "jbod":
        return [(f"data-{one.get('id', 0)}", one) for one in storage["volumes"]]
    return [("data", storage)]


def _keystore(prefix: str, authority: str, client_auth: str) -> dict[str, str | int]:
    return {
        f"{prefix}ssl.keystore.type": "PEM",
        f"{prefix}ssl.keystore.location": f"{CERTS}/keystore.pem",
        f"{prefix}ssl.truststore.type": "PEM",
        f"{prefix}ssl.truststore.location": f"{CERTS}/{authority}.pem",
        f"{prefix}ssl.client.auth": client_auth,
    }


def _listeners(cluster: Cluster, node: Node) -> dict[str, str | int]:
    ports: list[tuple[str, int, str]] = []
    settings: dict[str, str | int] = {}
    if node.controller:
        ports.append(("CONTROLPLANE-9090", 9090, "SSL"))
    if node.broker:
        ports.append(("REPLICATION-9091", 9091, "SSL"))
        for one in cluster.listeners:
            protocol = ("SASL_" if one.auth == "scram-sha-512" else "") + ("SSL" if one.tls else "PLAINTEXT")
            ports.append((one.kafka_name, one.port, protocol))
            prefix = f"listener.name.{one.kafka_name.lower()}."
            if one.tls:
                settings |= _keystore(prefix, "clients-ca", "required" if one.auth == "tls" else "none")
            if one.auth == "scram-sha-512":
                settings[f"{prefix}sasl.enabled.mechanisms"] = "SCRAM-SHA-512"
                settings[f"{prefix}scram-sha-512.sasl.jaas.config"] = (
                    "org.apache.kafka.common.security.scram.ScramLoginModule required;"
                )
        settings["inter.broker.listener.name"] = "REPLICATION-9091"
    for name in ("controlplane-9090", "replication-9091"):
        settings |= _keystore(f"listener.name.{name}.", "cluster-ca", "required")
    protocols = dict.fromkeys(["CONTROLPLANE-9090", "REPLICATION-9091"], "SSL") | {name: how for name, _, how in ports}
    settings["listener.security.protocol.map"] = ",".join(f"{name}:{how}" for name, how in protocols.items())
    settings["listeners"] = ",".join(f"{name}://0.0.0.0:{port}" for name, port, _ in ports)
    host = cluster.host(node)
    settings["advertised.listeners"] = ",".join(f"{name}://{host}:{port}" for name, port, _ in ports)
    return settings


def server(cluster: Cluster, node: Node) -> str:
    """The whole configuration of `node`."""
    voters = ",".join(f"{one.id}@{cluster.host(one)}:9090" for one in cluster.controllers)
    names = [name for name, _ in volumes(cluster.pool(node.pool)["spec"]["storage"])]
    settings: dict[str, str | int] = {
        **MODEST,
        **replication(len(cluster.brokers)),
        **allowed(cluster.config),
        **_listeners(cluster, node),
        "process.roles": ",".join(node.roles),
        "node.id": node.id,
        "controller.listener.names": "CONTROLPLANE-9090",
        "controller.quorum.voters": voters,
        "log.dirs": ",".join(f"/var/lib/kafka/{name}/kafka-log{node.id}" for name in names),
    }
    if cluster.authorized:
        listed = (cluster.spec["authorization"].get("superUsers")) or []
        internal = [f"CN={cluster.name}-{who},O=io.strimzi" for who in ("kafka", "cluster-operator")]
        settings["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        settings["super.users"] = ";".join(f"User:{who}" for who in [*internal, *listed])
    return kafka_config.properties(settings)
