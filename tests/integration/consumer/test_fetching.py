"""Both ways to take orders from Kafka bring the same records, and the accelerator's are given back in time."""

import itertools
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from orderpipeline_common.contract import Header
from orderpipeline_consumer.fetching.accelerated import NativeSource
from orderpipeline_consumer.fetching.confluent import MessageSource
from orderpipeline_consumer.fetching.source import Source
from orderpipeline_consumer.kafka.client import consumer_config
from orderpipeline_consumer.records.batch import Lot, Part
from orderpipeline_consumer.records.record import Record
from tests.support.broker import Broker
from tests.support.consumer_process import order
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.accelerator]

CLIENT = "ways"
UNNAMED = b'{"customer_id":"u","product_id":"p","quantity":1,"amount":1}'
ODD = [None, b"", b"{", b"[]", b"\xff", b" " + order("s", 1), order("Zo\u00eb", 2), order("c", 3) + b"\n", b"[" * 5000,
       UNNAMED.replace(b'"u"', b'"u\\u0000"'), UNNAMED.replace(b"1}", b'1e3,"x":{"y":[1]}}'), b'{"customer_id":7}',
       UNNAMED.replace(b'"u"', '"\u2603"'.encode()), b'{"quantity":1,' + UNNAMED[1:]]  # fmt: skip


class Taking:
    """A consumer, the way in which its records are taken, and what has been taken."""

    def __init__(self, source: Source, consumer: Consumer) -> None:
        self.source = source
        self.consumer = consumer
        self.lots: list[tuple[int, Lot]] = []
        self.ends: dict[int, int] = {}
        self.errors: list[KafkaError] = []

    def take(self) -> bool:
        taken = self.source.take(self.consumer, 0.2)
        self.lots += taken.lots
        self.ends |= dict(taken.ends)
        self.errors += taken.errors
        return bool(taken.lots)

    def records(self) -> list[Record]:
        found = [record for _, lot in self.lots for record in lot.records(0, len(lot))]
        return sorted(found, key=lambda record: (record.partition, record.offset))


@contextmanager
def taking(broker: Broker, topic: str, source: Source) -> Iterator[Taking]:
    connection = {"bootstrap.servers": broker.bootstrap, "client.id": CLIENT}
    one = Taking(source, Consumer(consumer_config(connection, uuid.uuid4().hex, "classic", "earliest", 60)))

    def on_assign(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        source.lead([each.partition for each in partitions])
        consumer.incremental_assign(partitions)

    source.attach(one.consumer)
    one.consumer.subscribe([topic], on_assign=on_assign)
    try:
        yield one
    finally:
        source.close()
        one.consumer.close()


def fill(broker: Broker, topic: str, values: Sequence[bytes | None], partitions: int = 1) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "compression.type": "lz4"})
    for number, value in enumerate(values):
        headers = [("traceparent", b"00"), (Header.CONTENT_TYPE, None), ("traceparent", b"\xff")] if number % 3 else []
        key = None if number % 5 == 0 else f"k{number}"
        producer.produce(topic, value, key, headers=headers, partition=number % partitions)  # type: ignore[arg-type]
    assert producer.flush(60) == 0


def test_the_ways_bring_the_same(broker: Broker) -> None:
    topic = broker.create_topic(f"ways-{uuid.uuid4().hex}", 3)
    good = itertools.chain.from_iterable((order(f"c{n % 7}", n), UNNAMED) for n in range(1000))
    values = [*ODD, *good, *ODD]
    fill(broker, topic, values, 3)
    with (
        taking(broker, topic, MessageSource(topic)) as one,
        taking(broker, topic, NativeSource(topic, CLIENT)) as other,
    ):
        for each in (one, other):
            wait_until("all is read", lambda each=each: each.take() is None or len(each.ends) == 3)
            assert each.ends == {n: len(values[n::3]) for n in range(3)}
            assert not each.errors
        assert one.records() == other.records()
        assert len(one.records()) == len(values)
        plain = 0
        for number, lot in other.lots:
            for at in range(len(lot)):
                part = Part(lot, at, at + 1)
                assert part[0].partition == number
                if part.plain:
                    plain += 1
                    assert list(part.orders) == [part[0].order]
                    assert part.customers == {part[0].lane}
            whole = Part(lot, 0, len(lot))
            assert whole.size >= sum(len(record.value or b"") for record in whole)
            if whole.plain:
                assert list(whole.orders) == [record.order for record in whole]
        assert 2000 <= plain < len(values)


def test_a_partition_that_is_paused_or_sought_brings_no_more_than_it_should(broker: Broker) -> None:
    topic = broker.create_topic(f"ways-{uuid.uuid4().hex}", 1)
    fill(broker, topic, [order("c", n) for n in range(1000)])
    place = TopicPartition(topic, 0)
    with taking(broker, topic, NativeSource(topic, CLIENT)) as one:
        wait_until("some is read", one.take)
        one.consumer.pause([place])
        one.lots.clear()
        one.take()
        assert one.lots == []
        one.consumer.seek(TopicPartition(topic, 0, 900))
        one.consumer.resume([place])
        wait_until("the rest is read", lambda: one.take() is None or 0 in one.ends)
        assert [record.offset for record in one.records()] == list(range(900, 1000))


def test_orders_that_are_kept_too_long_are_gone_and_say_so(broker: Broker) -> None:
    topic = broker.create_topic(f"ways-{uuid.uuid4().hex}", 1)
    fill(broker, topic, [order("c", n) for n in range(10)])
    with taking(broker, topic, NativeSource(topic, CLIENT)) as one:
        wait_until("some is read", one.take)
        kept = Part(one.lots[0][1], 0, len(one.lots[0][1]))
        seen, unseen = kept.orders, kept.orders
        assert seen[0].customer_id == "c"
    assert seen[0].customer_id == "c"
    assert len(unseen) == len(kept)
    with pytest.raises(RuntimeError, match="while they are handled"):
        unseen[0]


def test_only_a_consumer_is_taken_for_one(broker: Broker) -> None:
    source = NativeSource("t", "somebody-else")
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "g", "client.id": CLIENT})
    try:
        with pytest.raises(ValueError, match="no consumer somebody-else#consumer-"):
            source.attach(consumer)
    finally:
        consumer.close()
