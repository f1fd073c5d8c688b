"""The accelerator's own Kafka client against a real broker: the same records as the Python client's, none lost, none
twice, and in order, whatever the broker does."""

import asyncio
import json
import os
import select
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from orderpipeline_common.background import Background
from orderpipeline_producer.decoding.order_ids import TimeOrderedIds
from orderpipeline_producer.decoding.record_batch import DecodedBatch, Record
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from orderpipeline_producer.kafka.confluent_client import ConfluentClient
from orderpipeline_producer.kafka.producer_client import RECORD_HEADERS
from tests.support.broker import Broker
from tests.support.waiting import Deadline, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.accelerator]

PARTITIONS = 6
Clients = Callable[..., AcceleratedClient]
TRACE = ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


@pytest.fixture(params=["own", "own-tls", "librdkafka"])
def way(request: pytest.FixtureRequest) -> str:
    """Which of the accelerator's two clients is used, and whether with TLS and SCRAM."""
    way: str = request.param
    return way


def config(broker: Broker, way: str = "own", **more: Any) -> dict[str, Any]:
    access = broker.sasl if way == "own-tls" else {"bootstrap.servers": broker.bootstrap}
    return {
        "security.protocol": "PLAINTEXT", **access, "compression.type": "snappy",
        "linger.ms": 5, "acks": "all", "enable.idempotence": True, "partitioner": "murmur2_random",
        "delivery.timeout.ms": 120_000, **more,
    }  # fmt: skip


@pytest.fixture
def topic(broker: Broker) -> str:
    return broker.create_topic(f"accelerator-{time.monotonic_ns()}", PARTITIONS)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """It never runs: the tests poll."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def ignore(code: str, text: str, *, fatal: bool | None = None) -> None:
    """A report of an error that the test knows of."""


@pytest.fixture
def clients(loop: asyncio.AbstractEventLoop, way: str) -> Iterator[Callable[..., AcceleratedClient]]:
    made: list[AcceleratedClient] = []

    def make(config: dict[str, Any], topic: str) -> AcceleratedClient:
        made.append(AcceleratedClient(config, topic, 10**9, ignore, Background(loop=loop), way != "librdkafka"))
        wait(made[-1], lambda: made[-1].check() == "")
        return made[-1]

    yield make
    assert [client.close(60.0) for client in made] == [0] * len(made)


def wait(client: AcceleratedClient, until: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = Deadline("the client's answer", seconds)
    while not until():
        deadline.check()
        select.select([client.compiled.fd], [], [], 0.05)
        client.compiled.poll()


def orders(first: int, count: int, customers: int = 40) -> Any:
    """Plain orders; amounts count on."""
    import orderpipeline_accelerator as native

    raw = json.dumps([
        {"customer_id": f"customer-{n % customers}-ü", "product_id": "p", "quantity": 1, "amount": n}
        for n in range(first, first + count)
    ], ensure_ascii=False).encode()  # fmt: skip
    found = native.read_array(raw, count, 65536)
    assert found is not None
    return found.with_ids(TimeOrderedIds(time.time_ns, os.urandom).blocks(count))


def produce(client: AcceleratedClient, some: Any, more: Any = ()) -> list[Any]:
    """Hand over plain orders; the list gets what failed, once it is known."""
    failed: list[Any] = []
    assert client.compiled.produce_orders(some, more, failed.append) == len(some)
    return failed


def end_offset(reader: Consumer, place: TopicPartition) -> int:
    """How many records a partition has. Its leader may be too new to know that it is."""
    found = wait_until(str(place), lambda: reader.get_watermark_offsets(place, 60), tolerate=(KafkaException,))
    return int(found[1])


def records(broker: Broker, topic: str) -> list[Any]:
    """All of the topic: (partition, key, value, headers), in order within each partition."""
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "all", "enable.auto.commit": False})
    found: list[Any] = []
    try:
        places = [TopicPartition(topic, p, 0) for p in range(PARTITIONS)]
        total = sum(end_offset(reader, place) for place in places)
        reader.assign(places)
        end = time.monotonic() + 120
        while len(found) < total and time.monotonic() < end:
            for message in reader.consume(1000, 1.0):
                assert message.error() is None
                found.append((message.partition(), message.key(), message.value(), message.headers()))
                assert abs(message.timestamp()[1] / 1000 - time.time()) < 600
    finally:
        reader.close()
    assert len(found) == total
    return found


@pytest.mark.parametrize(
    ("way", "packing"),
    [
        *(("own", packing) for packing in ("none", "gzip", "snappy", "lz4", "zstd")),
        ("own-tls", "lz4"),
        ("librdkafka", "lz4"),
    ],
    indirect=["way"],
)
def test_records_are_those_of_the_python_client(
    broker: Broker,
    topic: str,
    clients: Clients,
    way: str,
    packing: str,
    loop: asyncio.AbstractEventLoop,
) -> None:
    some = orders(0, 300)
    client = clients(config(broker, way, **{"compression.type": packing}), topic)
    told = produce(client, some, [TRACE])
    wait(client, lambda: bool(told))
    assert told == [[]]
    other = broker.create_topic(f"{topic}-python", PARTITIONS)
    python = ConfluentClient(
        config(broker, way, **{"compression.type": packing}), other, 10**9, ignore, Background(loop=loop)
    )
    for key, value, order_id in some:
        python.send(Record(0, key, value, order_id), [TRACE])
    assert python.close(60.0) == 0
    assert sorted(records(broker, topic)) == sorted(records(broker, other))
    assert len({record[0] for record in records(broker, topic)}) > 1


def test_single_records(broker: Broker, topic: str, clients: Clients, way: str) -> None:
    client = clients(config(broker, way), topic)
    done: list[Any] = []
    one = Record(0, "c", b"v", "id-1")
    for more in ((), [TRACE]):
        assert client.send(one, more, done.append).refused is None
    assert client.in_flight.bytes == 2 * one.size
    wait(client, lambda: len(done) == 2)
    assert [delivery.clean for delivery in done] == [True, True]
    assert (client.in_flight.bytes, client.in_flight.acked) == (0, 2)
    found = records(broker, topic)
    assert [(key, value) for _, key, value, _ in found] == [(b"c", b"v")] * 2
    assert [headers for *_, headers in found] == [RECORD_HEADERS, [*RECORD_HEADERS, TRACE]]


def test_a_broker_that_comes_and_goes_loses_nothing_doubles_nothing_and_keeps_the_order(
    broker: Broker, topic: str, clients: Clients, way: str
) -> None:
    client = clients(config(broker, way), topic)
    told: list[list[Any]] = []
    sent = 0

    def more(seconds: float) -> None:
        nonlocal sent
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            told.append(produce(client, orders(sent, 100)))
            sent += 100
            wait(client, lambda: len(told) - sum(map(bool, told)) < 50)
            time.sleep(0.005)

    more(1.0)
    broker.kill()
    for _ in range(20):
        told.append(produce(client, orders(sent, 100)))
        sent += 100
    broker.start()
    more(1.0)
    wait(client, lambda: all(told))
    assert told == [[[]]] * len(told)
    amounts: dict[bytes, list[int]] = {}
    places: dict[bytes, int] = {}
    for place, key, value, _ in records(broker, topic):
        amounts.setdefault(key, []).append(json.loads(value)["amount"])
        assert places.setdefault(key, place) == place
    assert sorted(n for each in amounts.values() for n in each) == list(range(sent))
    assert all(each == sorted(each) for each in amounts.values())


def test_a_frozen_broker_fails_orders_in_time_and_the_next_ones_go_through(
    broker: Broker, topic: str, clients: Clients, way: str
) -> None:
    client = clients(config(broker, way, **{"delivery.timeout.ms": 1500}), topic)
    first = produce(client, orders(0, 50))
    wait(client, lambda: bool(first))
    broker.pause()
    try:
        stuck = produce(client, orders(50, 50))
        begun = time.monotonic()
        wait(client, lambda: bool(stuck))
        assert 1.0 < time.monotonic() - begun < 9.0, "not only when the request to Kafka is given up, after 10 s"
        assert sorted(at for at, _ in stuck[0]) == list(range(50))
        assert {code for _, code in stuck[0]} == {-192}
    finally:
        broker.resume()
    deadline, after = Deadline("orders acknowledged again"), [[(0, -192)]]
    while after != [[]]:  # the broker may still have been asleep for some
        deadline.check(after)
        after = produce(client, orders(100, 50))
        wait(client, lambda after=after: bool(after))


def test_what_the_broker_refuses_fails_alone(broker: Broker, clients: Clients, way: str) -> None:
    small = broker.create_topic(f"small-{time.monotonic_ns()}", 1, {"max.message.bytes": "2000"})
    client = clients(config(broker, way, **{"linger.ms": 0}), small)
    told: list[Any] = []
    value = os.urandom(3000)
    client.compiled.produce("k", value, (), lambda error, message: told.append((error.code(), message.value())))
    wait(client, lambda: bool(told))
    assert told == [(10, value)]
    good: list[Any] = []
    for _ in range(3):
        client.compiled.produce("k", b"v", (), lambda *each: good.append(each))
    wait(client, lambda: len(good) == 3)
    assert good == [(None, None)] * 3


def test_small_orders_get_through_beside_one_that_is_too_large(
    broker: Broker, clients: Clients, way: str, loop: asyncio.AbstractEventLoop
) -> None:
    small = broker.create_topic(f"small-{time.monotonic_ns()}", PARTITIONS, {"max.message.bytes": "2000"})
    client = clients(config(broker, way, **{"linger.ms": 200}), small)
    values = [os.urandom(size) for size in (300, 3000, 301, 4000, 302)]
    places = range(len(values))
    batch = DecodedBatch(["k"] * len(values), values, [f"id-{at}" for at in places], places)
    first = client.send(Record(0, "k", b"v", "id-first"))  # until then, the partition may be too new for its leader
    wait(client, lambda: first.clean)
    delivery = client.send(batch)

    def complete() -> bool:
        loop.run_until_complete(asyncio.sleep(0.01))  # librdkafka's second client is polled by the loop
        return not delivery.left

    wait_until("all have completed", complete)
    assert [(each.index, each.status, each.order_id) for each in delivery.failures()] == [
        (1, 413, "id-1"),
        (3, 413, "id-3"),
    ]
    assert [len(value) for _, _, value, _ in records(broker, small)] == [1, 300, 301, 302]
    counts = client.in_flight
    assert (counts.acked, counts.failed, counts.bytes) == (4, 2, 0)


def test_no_more_than_its_bytes_is_held(broker: Broker, topic: str, clients: Clients, way: str) -> None:
    client = clients(config(broker, way, **{"queue.buffering.max.kbytes": 64}), topic)
    told: list[Any] = []
    broker.pause()  # or it could have taken the first when the next come
    try:
        taken = client.compiled.produce_orders(orders(0, 1000), (), told.append)
        assert 100 < taken < 1000
        assert client.compiled.produce_orders(orders(0, 10), (), told.append) == 0
    finally:
        broker.resume()
    wait(client, lambda: bool(told))
    assert told == [[]]
    assert len(records(broker, topic)) == taken


def test_what_is_wrong_is_reported(broker: Broker, way: str, loop: asyncio.AbstractEventLoop) -> None:
    own = way != "librdkafka"
    client = AcceleratedClient(config(broker, way), "not-there", 1, ignore, Background(loop=loop), own)
    wait(client, lambda: "not-there" in client.check())
    seen: list[str] = []

    def report(code: str, text: str, *, fatal: bool | None = None) -> None:
        assert fatal is None
        seen.append(text)

    lost = AcceleratedClient(
        config(broker, way, **{"bootstrap.servers": "127.0.0.1:1"}), "t", 1, report, Background(loop=loop), own
    )
    assert "unreachable" in lost.check()
    wait(lost, lambda: bool(seen))
    assert client.close(0.0) == lost.close(0.0) == 0
    with pytest.raises(ValueError, match="linger"):
        AcceleratedClient(config(broker, way, **{"linger.ms": "soon"}), "t", 1, ignore, Background(loop=loop), own)
