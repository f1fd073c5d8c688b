"""The offset reader on a real broker: every edge is either the right number or Unknown, never a wrong zero."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewPartitions

from orderpipeline_operator.adapters.kafka import groups
from orderpipeline_operator.adapters.kafka import requests as kafka
from orderpipeline_operator.adapters.kafka.connection import BrokerConnection
from orderpipeline_operator.domain.lag.history import History, advance
from orderpipeline_operator.domain.lag.sample import Group, LagSample, PartitionOffsets, Reading, Unknown, partition_lag
from tests.integration.operator.kafka.offset_steps import MakeReader, commit, lag, produce, read, unique, unknown
from tests.support.broker import Broker

pytestmark = pytest.mark.integration


@pytest.fixture
def group() -> str:
    return unique("group")


def test_no_commit_yet_and_then_one(broker: Broker, group: str, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("orders"), 2)
    produce(broker, topic, 10)
    source = reader(broker, topic, group)
    seen = read(source, lambda r: r.partitions[0].end == 10)
    assert seen.partitions == {0: PartitionOffsets(0, 10, None), 1: PartitionOffsets(0, 0, None)}
    assert (seen.group.state, seen.group.members) == ("Absent", 0)
    assert (lag(seen).orders, lag(seen, reset="latest").orders) == (10, 0)
    commit(broker, group, topic, 4)
    assert read(source, lambda r: r.partitions[0].committed == 4).group.state == "Empty"
    source.close()
    assert source.read() == Unknown("Closed", "The reader was closed.")


def test_retention_past_the_commit(broker: Broker, group: str, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("orders"))
    produce(broker, topic, 100)
    commit(broker, group, topic, 20)
    broker.admin().delete_records([TopicPartition(topic, 0, 70)])[TopicPartition(topic, 0)].result(60)
    source = reader(broker, topic, group)
    seen = read(source, lambda r: r.partitions[0].start == 70)
    assert partition_lag(seen.partitions[0], "earliest") == 30


def test_a_topic_deleted_and_made_again(broker: Broker, group: str, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("orders"))
    produce(broker, topic, 50)
    commit(broker, group, topic, 50)
    source = reader(broker, topic, group)
    before = read(source, lambda r: r.partitions[0].end == 50)
    history, _ = advance(History(), before, "earliest", 0.0)
    broker.admin().delete_topics([topic])[topic].result(60)
    assert unknown(source, "TopicMissing")
    time.sleep(1.0)
    broker.create_topic(topic)
    produce(broker, topic, 3)
    after = read(source, lambda r: r.topic_id != before.topic_id and r.partitions[0].end == 3)
    _, sample = advance(history, after, "earliest", 5.0)
    assert isinstance(sample, LagSample)
    assert (sample.orders, sample.arrived) == (3, None)


def test_partitions_that_grow(broker: Broker, group: str, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("orders"), 1)
    source = reader(broker, topic, group)
    read(source, lambda r: len(r.partitions) == 1)
    broker.admin().create_partitions([NewPartitions(topic, 4)])[topic].result(60)
    produce(broker, topic, 7, partition=3)
    grown = read(source, lambda r: len(r.partitions) == 4)
    assert grown.partitions[3] == PartitionOffsets(0, 7, None)


def test_a_transaction_marker_leaves_a_lag_of_one_that_is_known_as_such(
    broker: Broker, group: str, reader: MakeReader
) -> None:
    topic = broker.create_topic(unique("orders"))
    produce(broker, topic, 5, **{"transactional.id": unique("tx")})
    commit(broker, group, topic, 5)
    source = reader(broker, topic, group)
    seen = read(source, lambda r: r.partitions[0].end == 6)
    assert partition_lag(seen.partitions[0], "earliest") == 1
    still = replace(seen, group=Group("Stable", 1))
    assert (lag(still).markers, lag(still, still, still).markers) == (0, 1)


def test_orders_of_an_open_transaction_do_not_wait_yet(broker: Broker, group: str, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("orders"))
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": unique("tx")})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce(topic, b"x")
    assert producer.flush(60) == 0
    source = reader(broker, topic, group)
    assert read(source).partitions[0].end == 0
    producer.commit_transaction(60)
    assert read(source, lambda r: r.partitions[0].end == 2)


def test_a_partition_that_stands_still_while_others_move(broker: Broker, group: str, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("orders"), 2)
    source, seen = reader(broker, topic, group), []
    for step in range(1, 4):
        for partition in (0, 1):
            produce(broker, topic, 10, partition)
        commit(broker, group, topic, 10 * step, 0)
        commit(broker, group, topic, 3, 1)
        one = read(source, lambda r, n=step: [r.partitions[p].end for p in (0, 1)] == [10 * n] * 2)
        seen.append(replace(one, group=Group("Stable", 1)))
    sample = lag(*seen, apart=200.0)
    assert (sample.orders, sample.stuck, sample.most_lagging) == (27, (1,), ((1, 27),))
    assert sample.seconds == pytest.approx(400.0)
    assert [round(load.processed_rate, 3) for load in sample.loads] == [0.05, 0.0]


def test_clock_steps_and_gaps_between_readings(broker: Broker, group: str, reader: MakeReader) -> None:
    topic = broker.create_topic(unique("orders"))
    source, history = reader(broker, topic, group), History()
    for now, orders, lost in ((100.0, 10, False), (110.0, 100, False), (50.0, 10, True), (60.0, 50, False)):
        before = 0 if not history.columns.ends else history.columns.ends[0]
        produce(broker, topic, orders)
        one = read(source, lambda r, least=before: r.partitions[0].end > least)
        history, sample = advance(history, one, "earliest", now)
        assert isinstance(sample, Unknown) is lost
    assert isinstance(sample, LagSample)
    assert (sample.orders, sample.arrived) == (170, None), "the reading before the step is forgotten"
    # A gap, in which nothing could be read, is not a time without orders: what came in it counts over all of it.
    history, _ = advance(history, Unknown("KafkaUnreachable", "x"), "earliest", 70.0)
    produce(broker, topic, 400)
    _, sample = advance(history, read(source, lambda r: r.partitions[0].end == 570), "earliest", 100.0)
    assert isinstance(sample, LagSample)
    assert sample.loads[0].arrival_rate == pytest.approx(10.0)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_members_and_rebalances_of_both_protocols(
    broker: Broker, group: str, protocol: str, reader: MakeReader
) -> None:
    topic = broker.create_topic(unique("orders"), 4)
    produce(broker, topic, 1)
    config = {"bootstrap.servers": broker.bootstrap, "group.id": group, "group.protocol": protocol}
    consumers = [Consumer(config | {"auto.offset.reset": "earliest"}) for _ in range(3)]
    source, states = reader(broker, topic, group), set()

    def settled(members: int) -> Callable[[Reading], bool]:
        def holds(seen: Reading) -> bool:
            for consumer in consumers:
                consumer.poll(0.05)
            states.add(seen.group.state)
            return (seen.group.state, seen.group.members) == ("Stable", members)

        return holds

    for consumer in consumers[:2]:
        consumer.subscribe([topic])
    assert read(source, settled(2)).group.protocol == protocol
    consumers[2].subscribe([topic])
    read(source, settled(3))
    assert "Rebalancing" in states
    for consumer in consumers:
        consumer.close()
    assert read(source, lambda r: r.group.members == 0).group.state == "Empty"


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_owners_and_who_takes_over_from_one_that_leaves(
    broker: Broker, group: str, protocol: str, reader: MakeReader
) -> None:
    """What scaling between two steps of the ladder builds on: who stays keeps what he has, and the rest goes to those
    who have fewest."""
    topic = broker.create_topic(unique("orders"), 8)
    config = {"bootstrap.servers": broker.bootstrap, "group.id": group, "group.protocol": protocol}
    if protocol == "classic":
        config["partition.assignment.strategy"] = "cooperative-sticky"
    consumers = {name: Consumer(config | {"client.id": name}) for name in "abcdef"}
    source = reader(broker, topic, group)

    def owned(seen: Reading) -> dict[str, set[int]]:
        return {client: set(partitions) for client, partitions in seen.group.owners}

    def settled(seen: Reading) -> bool:
        mine = {}
        for name, consumer in consumers.items():
            consumer.poll(0.05)
            mine[name] = {one.partition for one in consumer.assignment()}
        even = max(map(len, mine.values())) - min(map(len, mine.values())) <= 1
        return seen.group.state == "Stable" and owned(seen) == mine and even

    for consumer in consumers.values():
        consumer.subscribe([topic])
    before = owned(read(source, settled))
    assert sorted(number for partitions in before.values() for number in partitions) == list(range(8))
    leaving = next(name for name, partitions in before.items() if len(partitions) == 1)
    consumers.pop(leaving).close()
    after = owned(read(source, settled))
    assert after.keys() == before.keys() - {leaving}
    assert all(before[name] <= partitions for name, partitions in after.items())
    for consumer in consumers.values():
        consumer.close()


def test_500_partitions_in_six_requests(
    broker: Broker, group: str, reader: MakeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    send = BrokerConnection.send

    def noting(connection: BrokerConnection, key: int, *rest: Any, **more: Any) -> None:
        sent.append(key)
        send(connection, key, *rest, **more)

    monkeypatch.setattr(BrokerConnection, "send", noting)
    topic = broker.create_topic(unique("big"), 500)
    source, history = reader(broker, topic, group), History()
    read(source)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for step in range(1, 4):
        for partition in range(500):
            producer.produce(topic, b"x", partition=partition)
        assert producer.flush(60) == 0
        for partition in (0, 250, 499):
            commit(broker, group, topic, step, partition)
        sent.clear()
        seen = source.read()
        assert isinstance(seen, Reading)
        history, sample = advance(history, seen, "earliest", time.monotonic())
        assert isinstance(sample, LagSample)
        assert sample.orders == 497 * step
        asked = (kafka.METADATA, kafka.OFFSET_FETCH, groups.DESCRIBE_GROUPS, groups.CONSUMER_GROUP_DESCRIBE)
        assert sent == [key for key, _ in (*asked, kafka.LIST_OFFSETS, kafka.LIST_OFFSETS)]


def test_a_cluster_without_the_new_group_protocol(classic_broker: Broker, group: str, reader: MakeReader) -> None:
    """It knows the request that describes such groups, and answers with an error."""
    topic = classic_broker.create_topic(unique("orders"), 2)
    produce(classic_broker, topic, 10)
    source = reader(classic_broker, topic, group)
    seen = read(source, lambda r: r.partitions[0].end == 10)
    assert (seen.group, lag(seen).orders) == (groups.ABSENT, 10)
    settings = {"bootstrap.servers": classic_broker.bootstrap, "group.id": group, "auto.offset.reset": "earliest"}
    member = Consumer({**settings, "group.protocol": "classic", "client.id": "a"})

    def joined(found: Reading) -> bool:
        member.poll(0.05)
        return found.group.state == "Stable" and found.group.members == 1

    try:
        member.subscribe([topic])
        seen = read(source, joined)
    finally:
        member.close()
    assert seen.group.protocol == "classic"
    assert [(client, set(owned)) for client, owned in seen.group.owners] == [("a", {0, 1})]
    commit(classic_broker, group, topic, 4)
    assert lag(read(source, lambda r: r.partitions[0].committed == 4)).orders == 6
