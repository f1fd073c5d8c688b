"""The ACLs, quotas and Secret of a KafkaUser. Pure; passwords and certificates are arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hack.standin.model import CLUSTER, Json
from hack.standin.pods import labels, owner
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
    """An ACL; names are those of Kafka's enumerations in librdkafka's spelling."""

    principal: str
    resource: str
    name: str
    pattern: str
    host: str
    operation: str
    permission: str


def username(resource: Json) -> str:
    """The user's name in Kafka."""
    name = str(resource["metadata"]["name"])
    return f"CN={name}" if authentication(resource) in ("tls", "tls-external") else name


def authentication(resource: Json) -> str:
    """The type of authentication; empty if the spec has none."""
    return str((resource["spec"].get("authentication") or {}).get("type", ""))


def acls(resource: Json) -> set[Acl]:
    """The ACLs in the spec."""
    found = set()
    for rule in (resource["spec"].get("authorization") or {}).get("acls") or []:
        target = rule["resource"]
        name = "kafka-cluster" if target["type"] == "cluster" else target.get("name", "*")
        pattern = "PREFIXED" if target.get("patternType") == "prefix" else "LITERAL"
        for operation in rule["operations"]:
            found.add(
                Acl(
                    f"User:{username(resource)}", RESOURCES[target["type"]], name, pattern, rule.get("host", "*"),
                    OPERATIONS[operation], str(rule.get("type", "allow")).upper(),
                )
            )  # fmt: skip
    return found


def quotas(resource: Json) -> dict[str, float]:
    """The client quotas in the spec, by their names in Kafka."""
    asked = resource["spec"].get("quotas") or {}
    return {key: float(asked[name]) for name, key in QUOTAS.items() if asked.get(name) is not None}


def scram_data(user: str, password: str) -> dict[str, str]:
    """The content of a SCRAM user's Secret."""
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    return {"password": password, "sasl.jaas.config": f'{login} username="{user}" password="{password}";'}


def secret(resource: Json, data: Mapping[str, str]) -> Json:
    """The user's Secret, deleted with the user. `data` is base64."""
    name = resource["metadata"]["name"]
    operator = "strimzi-user-operator"
    own = {"app.kubernetes.io/name": operator, "app.kubernetes.io/managed-by": operator}
    cluster = str(resource["metadata"]["labels"][CLUSTER])
    return {
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": name, "namespace": resource["metadata"]["namespace"], "ownerReferences": owner(resource),
            "labels": {**labels(resource, cluster, "KafkaUser", "kafka-user"), **own},
        },
        "data": dict(data),
    }  # fmt: skip


def problem(resource: Json, authorized: bool) -> tuple[str, str] | None:
    """Why the user is rejected, if it is. `authorized`: whether the cluster checks ACLs."""
    if resource["spec"].get("authorization") and not authorized:
        return "InvalidResourceException", (
            "Simple authorization ACL rules are configured but not supported in the Kafka cluster configuration."
        )
    return None


def status(resource: Json, error: tuple[str, str] | None) -> Json:
    """The KafkaUser's status."""
    found: Json = {
        "observedGeneration": resource["metadata"]["generation"],
        "conditions": failed(*error) if error else [condition("Ready")],
        "username": username(resource),
    }
    if error is None and authentication(resource) in ("tls", "scram-sha-512"):
        found["secret"] = resource["metadata"]["name"]
    return found
