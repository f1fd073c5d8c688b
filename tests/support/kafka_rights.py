"""A Kafka user with the rights of a KafkaUser, as Strimzi's user operator makes it."""

from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.support.broker import Broker
from tests.support.waiting import wait_until


def grant(broker: Broker, user: str, password: str, acls: list[dict[str, Any]]) -> None:
    """Make the user, give it these rights, and wait until they are in force."""
    admin = broker.admin()
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion(user, info, password.encode())
    for future in admin.alter_user_scram_credentials([change]).values():
        future.result(60)
    bindings = [
        AclBinding(
            ResourceType[acl["resource"]["type"].upper()],
            acl["resource"]["name"],
            ResourcePatternType[acl["resource"]["patternType"].upper()],
            f"User:{user}",
            acl["host"],
            AclOperation[_snake(operation)],
            AclPermissionType[acl["type"].upper()],
        )
        for acl in acls
        for operation in acl["operations"]
    ]
    for future in admin.create_acls(bindings).values():
        future.result(60)
    mine = AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, f"User:{user}", None, AclOperation.ANY, AclPermissionType.ANY
    )
    wait_until(  # the controller has them; the broker acts on them a little later
        f"the rights of {user} are in force",
        lambda: len(admin.describe_acls(mine).result(60)) >= len(set(bindings)),
    )


def _snake(operation: str) -> str:
    """Read is READ, DescribeConfigs is DESCRIBE_CONFIGS."""
    return "".join(f"_{c}" if c.isupper() else c.upper() for c in operation).lstrip("_")
