"""All sources fetch the same records, and the accelerator's are released in time."""

import itertools
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import confluent_kafka
import pytest
from confluent_kafka import Consumer, KafkaError, Producer

from orderpipeline_common.contract import Header
from orderpipeline_consumer.fetching.accelerated import AcceleratedSource
from orderpipeline_consumer.fetching.confluent import ConfluentSource
from orderpipeline_consumer.fetching.direct import DirectSource
from orderpipeline_consumer.fetching.source import Controls, Source
from orderpipeline_consumer.kafka.client import consumer_config
from orderpipeline_consumer.records.batch import BatchSlice, FetchedBatch
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.records.topic_partition import TopicPartition
from tests.support.broker import Broker
from tests.support.consumer_process import order
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.accelerator]

CLIENT = "ways"
UNNAMED = b'{"customer_id":"u","product_id":"p","quantity":1,"amount":1}'
ODD = [None, b"", b"{", b"[]", b"\xff", b" " + order("s", 1), order("Zo\u00eb", 2), order("c", 3) + b"\n", b"[" * 5000,
       UNNAMED.replace(b'"u"', b'"u\\u0000"'), UNNAMED.replace(b"1}", b'1e3,"x":{"y":[1]}}'), b'{"customer_id":7}',
       UNNAMED.replace(b'"u"', '"\u2603"'.encode()), b'{"quantity":1,' + UNNAMED[1:]]  # fmt: skip


class Fetching:
    """A consumer, the source of its records, and what has been fetched."""

    def __init__(self, source: Source, consumer: Consumer) -> None:
        self.source = source
        self.consumer = consumer
        self.controls: Controls = source.attach(consumer)
        self.batches: list[FetchedBatch] = []
        self.ends: dict[TopicPartition, int] = {}
        self.errors: list[KafkaError] = []

    def poll(self) -> bool:
        fetched = self.source.poll(self.consumer, 0.2)
        self.batches += fetched.batches
        self.ends |= dict(fetched.ends)
        self.errors += fetched.errors
        return bool(fetched.batches)

    def records(self) -> list[Record]:
        found = [record for batch in self.batches for record in batch.records(0, len(batch))]
        return sorted(found, key=lambda record: (record.topic_partition, record.offset))


@contextmanager
def fetching(broker: Broker, topic: str, source: Source) -> Iterator[Fetching]:
    connection = {"bootstrap.servers": broker.bootstrap, "client.id": CLIENT}
    one = Fetching(source, Consumer(consumer_config(connection, uuid.uuid4().hex, "classic", 60)))

    def on_assign(consumer: Consumer, partitions: list[confluent_kafka.TopicPartition]) -> None:
        source.prepare(consumer, partitions)
        consumer.incremental_assign(partitions)
        if isinstance(source, DirectSource):  # the consumer has a position of its own
            for each in partitions:
                one.controls.seek(confluent_kafka.TopicPartition(topic, each.partition, 0))

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


def own_client(broker: Broker, topic: str, **more: str) -> DirectSource:
    return DirectSource(topic, consumer_config({"bootstrap.servers": broker.bootstrap, **more}, "g", "classic", 60))


WAYS = {
    "librdkafka": lambda broker, topic: AcceleratedSource(topic, {"client.id": CLIENT}),
    "own": own_client,
    "own-tls": lambda broker, topic: own_client(broker, topic, **broker.sasl),
}
EACH_WAY = pytest.mark.parametrize("way", list(WAYS))


@EACH_WAY
def test_the_ways_bring_the_same(broker: Broker, way: str) -> None:
    topic = broker.create_topic(f"ways-{uuid.uuid4().hex}", 3)
    good = itertools.chain.from_iterable((order(f"c{n % 7}", n), UNNAMED) for n in range(1000))
    values = [*ODD, *good, *ODD]
    fill(broker, topic, values, 3)
    with (
        fetching(broker, topic, ConfluentSource(topic)) as one,
        fetching(broker, topic, WAYS[way](broker, topic)) as other,
    ):
        for each in (one, other):
            wait_until("all is read", lambda each=each: each.poll() is None or len(each.ends) == 3)
            assert each.ends == {TopicPartition(topic, n): len(values[n::3]) for n in range(3)}
            assert not each.errors
        assert one.records() == other.records()
        assert len(one.records()) == len(values)
        valid = 0
        for batch in other.batches:
            for at in range(len(batch)):
                one_record = BatchSlice(batch, at, at + 1)
                assert one_record[0].topic_partition == batch.topic_partition
                if one_record.all_valid:
                    valid += 1
                    assert list(one_record.orders) == [one_record[0].order]
                    assert one_record.ordering_keys == {one_record[0].ordering_key}
            whole = BatchSlice(batch, 0, len(batch))
            assert whole.size >= sum(len(record.value or b"") for record in whole)
            if whole.all_valid:
                assert list(whole.orders) == [record.order for record in whole]
        assert 2000 <= valid < len(values)


@EACH_WAY
def test_a_partition_that_is_paused_or_sought_brings_no_more_than_it_should(broker: Broker, way: str) -> None:
    topic = broker.create_topic(f"ways-{uuid.uuid4().hex}", 1)
    fill(broker, topic, [order("c", n) for n in range(1000)])
    place = confluent_kafka.TopicPartition(topic, 0)
    with fetching(broker, topic, WAYS[way](broker, topic)) as one:
        wait_until("some is read", one.poll)
        one.controls.pause([place])
        one.batches.clear()
        one.poll()
        assert one.batches == []
        one.controls.seek(confluent_kafka.TopicPartition(topic, 0, 900))
        one.controls.resume([place])
        wait_until("the rest is read", lambda: one.poll() is None or TopicPartition(topic, 0) in one.ends)
        assert [record.offset for record in one.records()] == list(range(900, 1000))


def test_orders_that_are_kept_too_long_are_gone_and_say_so(broker: Broker) -> None:
    topic = broker.create_topic(f"ways-{uuid.uuid4().hex}", 1)
    fill(broker, topic, [order("c", n) for n in range(10)])
    with fetching(broker, topic, WAYS["librdkafka"](broker, topic)) as one:
        wait_until("some is read", one.poll)
        kept = BatchSlice(one.batches[0], 0, len(one.batches[0]))
        seen, unseen = kept.orders, kept.orders
        assert seen[0].customer_id == "c"
    assert seen[0].customer_id == "c"
    assert len(unseen) == len(kept)
    with pytest.raises(RuntimeError, match="the consumer is closed"):
        unseen[0]


def test_orders_of_the_own_client_can_be_kept(broker: Broker) -> None:
    topic = broker.create_topic(f"ways-{uuid.uuid4().hex}", 1)
    fill(broker, topic, [order("c", n) for n in range(10)])
    with fetching(broker, topic, own_client(broker, topic)) as one:
        wait_until("some is read", one.poll)
        kept = BatchSlice(one.batches[0], 0, len(one.batches[0]))
    assert [each.order_id for each in kept.orders] == [f"c/{n}" for n in range(len(kept))]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_the_own_client_reads_transactions_and_gaps_as_librdkafka_does(broker: Broker, codec: str) -> None:
    """Committed and aborted ones, side by side, with records of no transaction between them."""
    topic = broker.create_topic(f"ways-{uuid.uuid4().hex}", 1)
    settings = {"bootstrap.servers": broker.bootstrap, "compression.type": codec}
    producers = [Producer({**settings, "transactional.id": f"{topic}-{n}"}) for n in range(2)]
    for producer in producers:
        producer.init_transactions(60)
    for turn in range(12):
        producer = producers[turn % 2]
        producer.begin_transaction()
        for n in range(50):
            producer.produce(topic, order(f"c{turn}", n), f"c{turn}", partition=0)
        producer.flush(60)
        fill(broker, topic, [order(f"plain{turn}", n) for n in range(5)])
        if turn % 3:
            producer.commit_transaction(60)
        else:
            producer.abort_transaction(60)
    with (
        fetching(broker, topic, ConfluentSource(topic)) as one,
        fetching(broker, topic, own_client(broker, topic)) as other,
    ):
        for each in (one, other):
            wait_until("all is read", lambda each=each: each.poll() is None or each.ends)
        assert one.records() == other.records()
        assert len(one.records()) == 8 * 50 + 12 * 5
        assert one.ends == other.ends


def test_only_a_consumer_is_taken_for_one(broker: Broker) -> None:
    source = AcceleratedSource("t", {"client.id": "somebody-else"})
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "g", "client.id": CLIENT})
    try:
        with pytest.raises(ValueError, match="no consumer somebody-else#consumer-"):
            source.attach(consumer)
    finally:
        consumer.close()
