"""What a KafkaMirrorMaker2 means to Kafka Connect: the worker's settings and the connectors', as from Strimzi. Pure.

Strimzi runs MirrorMaker 2 as connectors on a Connect cluster of its own, at the target.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from hack.standin.model import Json

CLASSES: Final = {
    "sourceConnector": "org.apache.kafka.connect.mirror.MirrorSourceConnector",
    "checkpointConnector": "org.apache.kafka.connect.mirror.MirrorCheckpointConnector",
}
BYTES: Final = "org.apache.kafka.connect.converters.ByteArrayConverter"
STATES: Final = {"running": "RUNNING", "paused": "PAUSED", "stopped": "STOPPED"}
WORKER_CLIENTS: Final = ("", "producer.", "consumer.", "admin.")
"""Prefixes of the worker's clients: its own, and those that it makes for connectors."""


@dataclass(frozen=True)
class Access:
    """How to reach one cluster, with SCRAM-SHA-512 over TLS."""

    bootstrap: str
    username: str
    password: str = field(repr=False)
    ca: str
    """File of PEM certificates; empty: the system's."""

    def settings(self, prefix: str = "") -> dict[str, str]:
        """Settings of a Java client, each with the prefix."""
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        trust = {"ssl.truststore.type": "PEM", "ssl.truststore.location": self.ca} if self.ca else {}
        found = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.jaas.config": f'{login} username="{self.username}" password="{self.password}";',
            **trust,
        }
        return {f"{prefix}{key}": value for key, value in found.items()}


@dataclass(frozen=True)
class Connector:
    """A connector as it should be: its settings, and RUNNING, PAUSED or STOPPED."""

    name: str
    config: Mapping[str, str] = field(repr=False)
    state: str


def worker(resource: Json, target: Access, host: str, port: int) -> dict[str, str]:
    """The settings of a Connect worker, whose REST API listens on all addresses and is reached by `host` and `port`."""
    spec = resource["spec"]["target"]
    storage = {what: spec[f"{what}StorageTopic"] for what in ("config", "status", "offset")}
    clients: dict[str, str] = {}
    for prefix in WORKER_CLIENTS:
        clients |= target.settings(prefix)
    return {
        **{f"{what}.storage.topic": topic for what, topic in storage.items()},
        **{f"{what}.storage.replication.factor": "-1" for what in storage},
        **{f"{what}.converter": BYTES for what in ("key", "value", "header")},
        **_texts(spec.get("config") or {}),
        **clients,
        # The connectors are on the class path. Looking through all of its classes for others takes a minute.
        "plugin.discovery": "service_load",
        "bootstrap.servers": target.bootstrap,
        "group.id": spec["groupId"],
        "listeners": f"http://0.0.0.0:{port}",
        "rest.advertised.host.name": host,
        "rest.advertised.port": str(port),
    }


def connectors(resource: Json, sources: Mapping[str, Access], target: Access) -> list[Connector]:
    """The connectors of all mirrors. `sources` by alias."""
    found = []
    local = resource["spec"]["target"]["alias"]
    for mirror in resource["spec"]["mirrors"]:
        alias = mirror["source"]["alias"]
        access = sources[alias]
        shared = {
            "source.cluster.alias": alias,
            "target.cluster.alias": local,
            "source.cluster.bootstrap.servers": access.bootstrap,
            "target.cluster.bootstrap.servers": target.bootstrap,
            **access.settings("source.cluster."),
            **target.settings("target.cluster."),
            **_patterns(mirror),
        }
        for field_name, class_ in CLASSES.items():
            if (wanted := mirror.get(field_name)) is None:
                continue
            name = f"{alias}->{local}.{class_.rpartition('.')[2]}"
            own = {"name": name, "connector.class": class_, "tasks.max": str(wanted.get("tasksMax", 1))}
            config = {**_texts(wanted.get("config") or {}), **shared, **own}
            found.append(Connector(name, config, STATES[wanted.get("state", "running")]))
    return found


def _patterns(mirror: Json) -> dict[str, str]:
    keys = {
        "topicsPattern": "topics",
        "topicsExcludePattern": "topics.exclude",
        "groupsPattern": "groups",
        "groupsExcludePattern": "groups.exclude",
    }
    return {setting: mirror[key] for key, setting in keys.items() if key in mirror}


def _texts(config: Json) -> dict[str, str]:
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in config.items()}
