"""The offset reader when Kafka, the network or its rights fail: Unknown with what to do, and on again by itself."""

import socket
import time
from datetime import UTC, datetime

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from hack.kafka import pki
from orderpipeline_operator.domain.lag.sample import Reading, Unknown
from tests.integration.operator.kafka.offset_steps import MakeReader, produce, read, unique, unknown
from tests.support.broker import Broker

pytestmark = pytest.mark.integration


@pytest.fixture
def group() -> str:
    return unique("group")


def test_the_coordinator_goes_and_comes_a_hundred_times_and_we_live(
    broker: Broker, group: str, reader: MakeReader
) -> None:
    """What aborts a process that asks with librdkafka 2.16: connections to the coordinator that drop under requests."""
    topic = broker.create_topic(unique("orders"))
    source = reader(broker, topic, group)
    read(source)
    for _ in range(100):
        for connection in source._connections.values():
            connection._socket.shutdown(socket.SHUT_RDWR)
        assert isinstance(source.read(), Reading), "a connection that went while nothing was asked is made anew at once"


def test_wrong_credentials_and_a_wrong_ca_say_so(broker: Broker, group: str, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("orders"))
    for changes, reason in (({"password": "wrong"}, "NotAuthenticated"), ({"ca": None}, "TlsFailed")):
        source = reader(broker, topic, group, **changes)
        found = source.read()
        assert isinstance(found, Unknown)
        assert found.reason == reason, found
        assert broker.password not in found.message


def test_each_of_several_authorities_is_trusted(broker: Broker, group: str, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("orders"))
    other = pki.new_ca("cluster-ca", datetime.now(UTC)).cert
    for both in ((other, broker.ca_pem.read_text()), (broker.ca_pem.read_text(), other)):
        read(reader(broker, topic, group, ca="\n".join(both)))
    assert unknown(reader(broker, topic, group, ca=other), "TlsFailed")


def test_a_broker_that_is_down_and_comes_back(broker: Broker, group: str, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("orders"))
    produce(broker, topic, 5)
    source = reader(broker, topic, group, timeout=3.0)
    read(source, lambda r: r.partitions[0].end == 5)
    broker.stop()
    try:
        started = time.monotonic()
        found = source.read()
        assert isinstance(found, Unknown)
        assert found.reason == "KafkaUnreachable"
        assert time.monotonic() - started < 30
    finally:
        broker.start()
    assert read(source).partitions[0].end == 5
    broker.pause()
    try:
        assert isinstance(source.read(), Unknown)
    finally:
        broker.resume()
    assert read(source).partitions[0].end == 5


def test_authorisation_that_is_lost(secured_broker: Broker, group: str, reader: MakeReader) -> None:
    admin, user = secured_broker.admin(), unique("reader")
    topic = secured_broker.create_topic(unique("orders"))
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    upsert = UserScramCredentialUpsertion(user, credential, b"secret")
    admin.alter_user_scram_credentials([upsert])[user].result(60)

    def acl(kind: ResourceType, name: str) -> AclBinding:
        allow = (AclOperation.DESCRIBE, AclPermissionType.ALLOW)
        return AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{user}", "*", *allow)

    acls = [acl(ResourceType.TOPIC, topic), acl(ResourceType.GROUP, group)]
    for future in admin.create_acls(acls).values():
        future.result(60)
    source = reader(secured_broker, topic, group, username=user, password="secret")
    read(source)  # Describe is all it needs
    for kind in (ResourceType.GROUP, ResourceType.TOPIC):
        name = group if kind == ResourceType.GROUP else topic
        for future in admin.delete_acls([_filter(kind, name, user)]).values():
            future.result(60)
        assert unknown(source, "NotAuthorized")
    admin.alter_user_scram_credentials([UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)])


def _filter(kind: ResourceType, name: str, user: str) -> object:
    from confluent_kafka.admin import AclBindingFilter

    anything = (AclOperation.ANY, AclPermissionType.ANY)
    return AclBindingFilter(kind, name, ResourcePatternType.LITERAL, f"User:{user}", None, *anything)
