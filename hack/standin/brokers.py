"""The stand-in's admin calls to Kafka, over the replication port with the operator's certificate."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from hack.standin.topics import Topic
from hack.standin.users import Acl

SECONDS: Final = 15.0
ITERATIONS: Final = 4096
DYNAMIC_TOPIC_CONFIG: Final = 1


@dataclass(frozen=True)
class Address:
    """Where to connect, and the CA, certificate and key as PEM."""

    bootstrap: str
    ca: str
    cert: str
    key: str


def url_safe(text: str) -> str:
    """Base64 of a topic's id, as Kafka and Strimzi write it, from librdkafka's."""
    return text.replace("+", "-").replace("/", "_").rstrip("=")


class Brokers:
    """An admin client. Every call raises KafkaException if Kafka cannot be reached or refuses it."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._admin = AdminClient(
            {
                "bootstrap.servers": address.bootstrap,
                "security.protocol": "SSL",
                "ssl.ca.pem": address.ca,
                "ssl.certificate.pem": address.cert,
                "ssl.key.pem": address.key,
                "client.id": "strimzi-stand-in",
                "log_level": 0,
                "socket.timeout.ms": 8000,
                "reconnect.backoff.ms": 200,
                "reconnect.backoff.max.ms": 1000,
            }
        )

    def view(self) -> tuple[set[int], bool, set[int]]:
        """The ids of the live brokers, whether all replicas are in sync, and the ids of brokers with replicas."""
        found = self._admin.list_topics(timeout=5)
        partitions = [one for topic in found.topics.values() for one in topic.partitions.values()]
        in_sync = all(len(one.isrs) == len(one.replicas) for one in partitions)
        return set(found.brokers), in_sync, {broker for one in partitions for broker in one.replicas}

    def topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """Those of the named topics that exist, by name."""
        asked = sorted(set(names))
        there = set(self._admin.list_topics(timeout=SECONDS).topics)
        asked = [name for name in asked if name in there]
        if not asked:
            return {}
        described = self._admin.describe_topics(TopicCollection(asked), request_timeout=SECONDS)
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in asked]
        configs = {
            resource.name: future.result(SECONDS)
            for resource, future in self._admin.describe_configs(resources, request_timeout=SECONDS).items()
        }
        found = {}
        for name, future in described.items():
            one = future.result(SECONDS)
            own = {
                key: str(entry.value) for key, entry in configs[name].items() if entry.source == DYNAMIC_TOPIC_CONFIG
            }
            copies = {len(partition.replicas) for partition in one.partitions}
            found[name] = Topic(url_safe(str(one.topic_id)), len(one.partitions), tuple(sorted(copies)), own)
        return found

    def create_topic(self, name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> None:
        """Create a topic; -1 stands for the brokers' default."""
        topic = NewTopic(name, num_partitions=partitions, replication_factor=replicas, config=dict(config))
        self._admin.create_topics([topic], request_timeout=SECONDS)[name].result(SECONDS)

    def grow_topic(self, name: str, partitions: int) -> None:
        """Raise a topic's number of partitions."""
        self._admin.create_partitions([NewPartitions(name, partitions)], request_timeout=SECONDS)[name].result(SECONDS)

    def configure_topic(self, name: str, put: Mapping[str, str], drop: Sequence[str]) -> None:
        """Set some of a topic's settings and reset others to the default."""
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in put.items()
        ] + [ConfigEntry(key, None, incremental_operation=AlterConfigOpType.DELETE) for key in drop]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        for future in self._admin.incremental_alter_configs([resource], request_timeout=SECONDS).values():
            future.result(SECONDS)

    def delete_topic(self, name: str) -> None:
        """Delete a topic."""
        self._admin.delete_topics([name], request_timeout=SECONDS)[name].result(SECONDS)

    def scram_users(self) -> set[str]:
        """Users with a SCRAM-SHA-512 password."""
        listing: Any = self._admin.describe_user_scram_credentials(None, request_timeout=SECONDS)
        found = listing.result(SECONDS)
        return {
            name
            for name, described in found.items()
            if any(info.mechanism == ScramMechanism.SCRAM_SHA_512 for info in described.scram_credential_infos)
        }

    def put_scram(self, user: str, password: str) -> None:
        """Set a user's password."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        self._scram(UserScramCredentialUpsertion(user, info, password.encode()))

    def drop_scram(self, user: str) -> None:
        """Remove a user's password."""
        self._scram(UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512))

    def _scram(self, change: Any) -> None:
        for future in self._admin.alter_user_scram_credentials([change], request_timeout=SECONDS).values():
            future.result(SECONDS)

    def acls(self) -> set[Acl]:
        """All ACLs."""
        kind: Any = AclBindingFilter  # None stands for any name, which its type hints do not allow
        every = kind(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
        )
        return {
            Acl(
                one.principal, one.restype.name, one.name, one.resource_pattern_type.name, one.host,
                one.operation.name, one.permission_type.name,
            )
            for one in self._admin.describe_acls(every, request_timeout=SECONDS).result(SECONDS)
        }  # fmt: skip

    def change_acls(self, add: Iterable[Acl], remove: Iterable[Acl]) -> None:
        """Add and remove ACLs."""
        new = [self._parts(AclBinding, one) for one in add]
        old = [self._parts(AclBindingFilter, one) for one in remove]
        futures = [*(self._admin.create_acls(new, request_timeout=SECONDS) if new else {}).values()]
        futures += (self._admin.delete_acls(old, request_timeout=SECONDS) if old else {}).values()
        for future in futures:
            future.result(SECONDS)

    @staticmethod
    def _parts(kind: Any, one: Acl) -> Any:
        return kind(
            ResourceType[one.resource], one.name, ResourcePatternType[one.pattern], one.principal, one.host,
            AclOperation[one.operation], AclPermissionType[one.permission],
        )  # fmt: skip


__all__ = ["Address", "Brokers", "KafkaException"]
