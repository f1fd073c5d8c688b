"""What is asked of a real broker while nothing changes, and that each change is noticed."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import NewPartitions

from orderpipeline_operator.adapters.kafka import OffsetReader, groups
from orderpipeline_operator.adapters.kafka import requests as kafka
from orderpipeline_operator.adapters.kafka.connection import BrokerConnection
from orderpipeline_operator.domain.lag.sample import Reading, Unknown
from tests.integration.operator.kafka.offset_steps import MakeReader, commit, produce, read, unique
from tests.support.broker import Broker
from tests.support.waiting import Deadline

pytestmark = pytest.mark.integration


@pytest.fixture
def group() -> str:
    return unique("group")


async def at_rest(source: OffsetReader, until: Callable[[Reading], bool] = lambda _: True) -> Reading:
    """The reading that nothing changes any more."""
    deadline = Deadline("a reading that does not change", 120)
    while True:
        before = await asyncio.to_thread(read, source, until)
        for _ in range(3):
            if await source.unchanged() is not before:
                break
        else:
            return before
        deadline.check(before)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The keys of all requests."""
    found: list[int] = []
    right = BrokerConnection.framed

    def noting(connection: BrokerConnection, key: int, *rest: Any, **more: Any) -> bytes:
        found.append(key)
        return right(connection, key, *rest, **more)

    monkeypatch.setattr(BrokerConnection, "framed", noting)
    return found


def keys(*requests: tuple[int, int]) -> list[int]:
    return [key for key, _ in requests]


@pytest.mark.parametrize("protocol", ["tls", "plain"])
async def test_a_caught_up_group_takes_a_request_for_each_thing_that_can_move(
    protocol: str, broker: Broker, group: str, reader: MakeReader, sent: list[int]
) -> None:
    topic = broker.create_topic(unique("orders"), 3)
    produce(broker, topic, 5)
    for partition, offset in ((0, 5), (1, 0), (2, 0)):
        commit(broker, group, topic, offset, partition)
    plain = {"bootstrap": broker.bootstrap, "security_protocol": "PLAINTEXT", "mechanism": None}
    source = reader(broker, topic, group, **(plain if protocol == "plain" else {}))
    before = await at_rest(source, lambda r: [one.committed for one in r.partitions.values()] == [5, 0, 0])
    sent.clear()
    assert await source.unchanged() is before
    assert sent == keys(kafka.METADATA, kafka.OFFSET_FETCH, groups.DESCRIBE_GROUPS, kafka.LIST_OFFSETS)
    source.pause()


async def test_where_something_waits_the_start_of_the_log_is_asked_for_too(
    broker: Broker, group: str, reader: MakeReader, sent: list[int]
) -> None:
    topic = broker.create_topic(unique("orders"))
    produce(broker, topic, 5)
    source = reader(broker, topic, group)
    before = await at_rest(source)
    sent.clear()
    assert await source.unchanged() is before
    both = groups.CONSUMER_GROUP_DESCRIBE, groups.DESCRIBE_GROUPS
    assert sent == keys(kafka.METADATA, kafka.OFFSET_FETCH, *both, kafka.LIST_OFFSETS, kafka.LIST_OFFSETS)
    source.pause()


async def test_each_change_is_noticed_and_read(broker: Broker, group: str, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("orders"))
    source = reader(broker, topic, group)
    changes: list[tuple[Callable[[], object], Callable[[Reading], bool]]] = [
        (lambda: produce(broker, topic, 3), lambda r: r.partitions[0].end == 3),
        (lambda: commit(broker, group, topic, 2), lambda r: r.partitions[0].committed == 2),
        (lambda: commit(broker, group, topic, 3), lambda r: r.partitions[0].committed == 3),
        (
            lambda: broker.admin().create_partitions([NewPartitions(topic, 2)])[topic].result(60),
            lambda r: len(r.partitions) == 2,
        ),
        (lambda: produce(broker, topic, 1, partition=1), lambda r: r.partitions[1].end == 1),
    ]
    for change, holds in changes:
        before = await at_rest(source)
        assert not holds(before)
        await asyncio.to_thread(change)
        deadline = Deadline("the change is noticed", 60)
        while await source.unchanged() is before:
            deadline.check(before)
        assert holds(await asyncio.to_thread(read, source, holds))
    topic_id = (await at_rest(source)).topic_id
    broker.admin().delete_topics([topic])[topic].result(60)
    await asyncio.sleep(1.0)
    broker.create_topic(topic)
    assert await source.unchanged() is None
    assert (await asyncio.to_thread(read, source, lambda r: r.topic_id != topic_id)).partitions[0].end == 0


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_a_member_that_joins_or_leaves_is_noticed(
    protocol: str, broker: Broker, group: str, reader: MakeReader, sent: list[int]
) -> None:
    topic = broker.create_topic(unique("orders"), 2)
    source = reader(broker, topic, group)
    absent = await at_rest(source)
    assert absent.group.state == "Absent"
    member = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "group.protocol": protocol})
    member.subscribe([topic])
    deadline = Deadline("the member is noticed", 60)
    while await source.unchanged() is absent:
        member.poll(0.05)
        deadline.check(absent)

    def joined(seen: Reading) -> bool:
        member.poll(0.05)
        return seen.group.members == 1 and len(seen.group.owners[0].partitions) == 2

    before = await at_rest(source, joined)
    sent.clear()
    assert await source.unchanged() is before
    asked = groups.DESCRIBE_GROUPS if protocol == "classic" else groups.CONSUMER_GROUP_DESCRIBE
    assert set(sent) & set(keys(groups.DESCRIBE_GROUPS, groups.CONSUMER_GROUP_DESCRIBE)) == set(keys(asked))
    await asyncio.to_thread(member.close)
    while await source.unchanged() is before:
        deadline.check(before)
    await asyncio.to_thread(read, source, lambda r: r.group.members == 0)


async def test_a_connection_that_is_closed_is_no_failure(broker: Broker, group: str, reader: MakeReader) -> None:
    source = reader(broker, broker.create_topic(unique("orders")), group)
    for wait in (0.0, 0.1):  # noticed by the question, and before it
        before = await at_rest(source)
        for connection in source._connections.values():
            connection._socket.shutdown(socket.SHUT_RDWR)
        await asyncio.sleep(wait)
        assert await source.unchanged() is None
        assert source.read() == before


async def test_a_broker_that_does_not_answer_is_unknown_in_time(broker: Broker, group: str, reader: MakeReader) -> None:
    source = reader(broker, broker.create_topic(unique("orders")), group, timeout=3.0)
    await at_rest(source)
    broker.pause()
    try:
        found = await source.unchanged()
    finally:
        broker.resume()
    assert isinstance(found, Unknown)
    assert found.reason == "KafkaUnreachable"
    assert found.message.endswith("did not answer in time")
    assert await source.unchanged() is None
    read(source)


async def test_one_that_is_given_up_while_it_waits_leaves_nothing_behind(
    broker: Broker, group: str, reader: MakeReader
) -> None:
    source = reader(broker, broker.create_topic(unique("orders")), group)
    await at_rest(source)
    asking = asyncio.ensure_future(source.unchanged())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    source.pause()
    assert isinstance(source.read(), Reading), "its answers are not taken for those of the next requests"
