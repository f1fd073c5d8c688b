"""One look at a cluster: brokers, replicas of the pipeline's topics, disks, and how many dead letters there are."""

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from orderpipeline_operator.adapters.kafka.connection import BrokerConnection, BrokerConnectionError
from orderpipeline_operator.adapters.kafka.endpoint import ConnectionSettingsError, tls_context
from orderpipeline_operator.console.brokers import BrokerFacts, Disk, KafkaFacts, Replicas
from orderpipeline_operator.console.facts import KafkaAccess, Topics
from orderpipeline_operator.console.kafka.client_config import CLIENT_ID, client_config
from orderpipeline_operator.console.kafka.log_dirs import ALL_TOPICS, DESCRIBE_LOG_DIRS, disks_of

TIMEOUT: Final = 4.0


def read_cluster(access: KafkaAccess, topics: Topics, at: float) -> KafkaFacts:
    """Blocks for a few seconds at most. What Kafka does raises nothing: it is the error of the facts."""
    try:
        admin = AdminClient(client_config(access.endpoint))
        found = admin.list_topics(timeout=TIMEOUT)
        names = [name for name in (topics.orders, topics.dead_letters) if name]
        partitions = tuple(_replicas(found, names))
        everything = [one for topic in found.topics.values() for one in topic.partitions.values()]
        tls = tls_context(access.endpoint)
        brokers = [
            _broker(found, everything, node, _disks(access, tls, found.brokers[node])) for node in sorted(found.brokers)
        ]
        return KafkaFacts(
            at=at,
            brokers=tuple(brokers),
            partitions=partitions,
            dead=_dead(admin, topics.dead_letters, partitions),
        )
    except KafkaException as error:
        return KafkaFacts(at, error=f"{access.endpoint.bootstrap}: {error.args[0].str()}")
    except ConnectionSettingsError as error:
        return KafkaFacts(at, error=str(error))


def _replicas(found: Any, names: Sequence[str]) -> Iterator[Replicas]:
    for name in names:
        topic = found.topics.get(name)
        for number, one in sorted(topic.partitions.items() if topic is not None else ()):
            leader = one.leader if one.leader >= 0 else None
            yield Replicas(name, number, leader, tuple(one.replicas), tuple(one.isrs))


def _broker(found: Any, everything: Sequence[Any], node: int, disks: tuple[Disk, ...] | str) -> BrokerFacts:
    broker = found.brokers[node]
    return BrokerFacts(
        node=node,
        address=f"{broker.host}:{broker.port}",
        controller=node == found.controller_id,
        leads=sum(one.leader == node for one in everything),
        replicas=sum(node in one.replicas for one in everything),
        disks=None if isinstance(disks, str) else disks,
        error=disks if isinstance(disks, str) else "",
    )


def _disks(access: KafkaAccess, tls: ssl.SSLContext | None, broker: Any) -> tuple[Disk, ...] | str:
    """The disks of a broker, or why they are not known."""
    until = time.monotonic() + TIMEOUT
    address = broker.host, broker.port
    try:
        with closing(BrokerConnection(access.endpoint, tls, address, CLIENT_ID, until)) as connection:
            if not connection.offers(DESCRIBE_LOG_DIRS):
                return "it is too old to say how large its disks are"
            connection.send(*DESCRIBE_LOG_DIRS, ALL_TOPICS, until, flexible=True)
            return disks_of(connection.receive(until))
    except (BrokerConnectionError, ValueError) as error:
        return str(error)


def _dead(admin: AdminClient, topic: str | None, partitions: Sequence[Replicas]) -> int | None:
    numbers = [one.partition for one in partitions if one.topic == topic and one.leader is not None]
    if topic is None or not numbers:
        return None
    total = 0
    specs = OffsetSpec.latest(), OffsetSpec.earliest()  # type: ignore[no-untyped-call]
    for spec, sign in zip(specs, (1, -1), strict=True):
        asked = {TopicPartition(topic, number): spec for number in numbers}
        for future in admin.list_offsets(asked, request_timeout=TIMEOUT).values():
            total += sign * future.result(TIMEOUT + 1).offset
    return total
