"""What a KafkaUser asks of Kafka, and its Secret. Pure; passwords and certificates are arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hack.standin.model import CLUSTER, Json
from hack.standin.pods import owner
from hack.standin.status import condition, failed

RESOURCES: Final = {"topic": "TOPIC", "group": "GROUP", "cluster": "BROKER", "transactionalId": "TRANSACTIONAL_ID"}
OPERATIONS: Final = {
    "Read": "READ", "Write": "WRITE", "Create": "CREATE", "Delete": "DELETE", "Alter": "ALTER",
    "Describe": "DESCRIBE", "ClusterAction": "CLUSTER_ACTION", "AlterConfigs": "ALTER_CONFIGS",
    "DescribeConfigs": "DESCRIBE_CONFIGS", "IdempotentWrite": "IDEMPOTENT_WRITE", "All": "ALL",
}  # fmt: skip
QUOTAS: Final = {
    "producerByteRate": "producer_byte_rate", "consumerByteRate": "consumer_byte_rate",
    "requestPercentage": "request_percentage", "controllerMutationRate": "controller_mutation_rate",
}  # fmt: skip


@dataclass(frozen=True)
class Acl:
    """One ACL; names are those of Kafka's own enumerations, as librdkafka spells them."""

    principal: str
    resource: str
    name: str
    pattern: str
    host: str
    operation: str
    permission: str


def username(thing: Json) -> str:
    """The user's name in Kafka."""
    name = str(thing["metadata"]["name"])
    return f"CN={name}" if authentication(thing) in ("tls", "tls-external") else name


def authentication(thing: Json) -> str:
    """How the user proves who it is; empty when the spec does not say."""
    return str((thing["spec"].get("authentication") or {}).get("type", ""))


def acls(thing: Json) -> set[Acl]:
    """The ACLs that the spec asks for."""
    found = set()
    for rule in (thing["spec"].get("authorization") or {}).get("acls") or []:
        resource = rule["resource"]
        name = "kafka-cluster" if resource["type"] == "cluster" else resource.get("name", "*")
        pattern = "PREFIXED" if resource.get("patternType") == "prefix" else "LITERAL"
        for operation in rule["operations"]:
            found.add(
                Acl(
                    f"User:{username(thing)}", RESOURCES[resource["type"]], name, pattern, rule.get("host", "*"),
                    OPERATIONS[operation], str(rule.get("type", "allow")).upper(),
                )
            )  # fmt: skip
    return found


def quotas(thing: Json) -> dict[str, float]:
    """Kafka's client quotas that the spec asks for."""
    asked = thing["spec"].get("quotas") or {}
    return {key: float(asked[name]) for name, key in QUOTAS.items() if asked.get(name) is not None}


def scram_data(user: str, password: str) -> dict[str, str]:
    """The content of a SCRAM user's Secret."""
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    return {"password": password, "sasl.jaas.config": f'{login} username="{user}" password="{password}";'}


def secret(thing: Json, data: Mapping[str, str]) -> Json:
    """The user's Secret, deleted with the user. `data` is base64."""
    name = thing["metadata"]["name"]
    labels = {CLUSTER: thing["metadata"]["labels"][CLUSTER], "strimzi.io/kind": "KafkaUser"}
    return {
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": name, "namespace": thing["metadata"]["namespace"], "ownerReferences": owner(thing),
            "labels": {**labels, "app.kubernetes.io/managed-by": "strimzi-user-operator"},
        },
        "data": dict(data),
    }  # fmt: skip


def problem(thing: Json, authorized: bool) -> tuple[str, str] | None:
    """Why the user can't be made in a cluster that does (`authorized`) or does not check ACLs."""
    if thing["spec"].get("authorization") and not authorized:
        return "InvalidResourceException", (
            "Simple authorization ACL rules are configured but not supported in the Kafka cluster configuration."
        )
    return None


def status(thing: Json, trouble: tuple[str, str] | None) -> Json:
    """The KafkaUser's status."""
    found: Json = {
        "observedGeneration": thing["metadata"]["generation"],
        "conditions": failed(*trouble) if trouble else [condition("Ready")],
        "username": username(thing),
    }
    if trouble is None and authentication(thing) in ("tls", "scram-sha-512"):
        found["secret"] = thing["metadata"]["name"]
    return found
