"""The server.properties of a one-node Kafka, as text. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SCRAM_LOGIN: Final = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass(frozen=True)
class SaslNode:
    """A one-node cluster with SASL_SSL and SSL listeners. Ports are the host's; folders and files are absolute paths.

    `keystore` holds the server's key and certificate, `truststore` its CA, both as PEM; `admin` is a SCRAM user and
    super user, and with `plain_password` also a user of PLAIN. `session_ms` bounds how long clients are believed who
    they are, 0 for as long as they are connected.
    """

    data: str
    plaintext_port: int
    sasl_port: int
    tls_port: int
    controller_port: int
    keystore: str
    truststore: str
    admin: str
    plain_password: str
    authorizer: bool = False
    session_ms: int = 0
    host: str = "127.0.0.1"


def properties(values: Mapping[str, str | int]) -> str:
    """Java properties, sorted so that equal settings give equal text."""
    return "".join(f"{key}={value}\n" for key, value in sorted(values.items()))


def plaintext(data: str, port: int, controller_port: int, host: str = "127.0.0.1") -> dict[str, str | int]:
    """Settings of a broker with one plaintext listener: anyone who can reach the port may do anything."""
    return {
        **_alone(data, controller_port, host),
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    }


def with_sasl(node: SaslNode) -> dict[str, str | int]:
    """Settings for tests: a plaintext listener, one with TLS and SASL, and one with TLS and client certificates."""
    addresses = f"PLAINTEXT://{node.host}:{node.plaintext_port},SASL_SSL://{node.host}:{node.sasl_port}"
    addresses += f",SSL://{node.host}:{node.tls_port}"
    settings: dict[str, str | int] = {
        **_alone(node.data, node.controller_port, node.host),
        "listeners": f"{addresses},CONTROLLER://{node.host}:{node.controller_port}",
        "advertised.listeners": addresses,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": SCRAM_LOGIN,
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": SCRAM_LOGIN,
        "listener.name.sasl_ssl.plain.sasl.jaas.config": (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'user_{node.admin}="{node.plain_password}";'
        ),
        "listener.name.ssl.ssl.client.auth": "required",
        "connections.max.reauth.ms": node.session_ms,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": node.keystore,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": node.truststore,
    }
    if node.authorizer:
        settings["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        settings["super.users"] = f"User:ANONYMOUS;User:{node.admin}"
    return settings


def _alone(data: str, controller_port: int, host: str) -> dict[str, str | int]:
    """A single node: both group protocols, few internal partitions, short heartbeats, no automatic topics."""
    return {
        "process.roles": "broker,controller",
        "node.id": 0,
        "controller.quorum.voters": f"0@{host}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "group.coordinator.rebalance.protocols": "classic,consumer",
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "group.consumer.min.heartbeat.interval.ms": 500,
        "group.consumer.heartbeat.interval.ms": 500,
        "group.consumer.min.session.timeout.ms": 3000,
        "group.consumer.session.timeout.ms": 6000,
        "log.cleaner.dedupe.buffer.size": 4194304,
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
    }
