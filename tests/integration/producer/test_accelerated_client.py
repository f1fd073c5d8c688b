"""The accelerator's own Kafka client against a real broker: the same records as the Python client's, none lost, none
twice, and in order, whatever the broker does."""

import json
import os
import select
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from orderpipeline_producer.decoding.order_ids import Ids
from orderpipeline_producer.kafka.accelerated_client import NativeSink
from orderpipeline_producer.kafka.confluent_client import PLAIN_HEADERS, KafkaSink
from tests.support.broker import Broker
from tests.support.waiting import Deadline, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.accelerator]

PARTITIONS = 6
TRACE = ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


@pytest.fixture(params=["snappy", "gzip"], ids=["own", "librdkafka"])
def way(request: pytest.FixtureRequest) -> str:
    """Which of the accelerator's two clients is used; it is the compression that tells."""
    packing: str = request.param
    return packing


def config(broker: Broker, way: str, **more: Any) -> dict[str, Any]:
    return {
        "bootstrap.servers": broker.bootstrap, "security.protocol": "PLAINTEXT", "compression.type": way,
        "linger.ms": 5, "acks": "all", "enable.idempotence": True, "partitioner": "murmur2_random",
        "delivery.timeout.ms": 120_000, **more,
    }  # fmt: skip


@pytest.fixture
def topic(broker: Broker) -> str:
    return broker.create_topic(f"accelerator-{time.monotonic_ns()}", PARTITIONS)


@pytest.fixture
def sinks() -> Iterator[Callable[..., NativeSink]]:
    made: list[NativeSink] = []

    def make(config: dict[str, Any], topic: str) -> NativeSink:
        made.append(NativeSink(config, topic, PLAIN_HEADERS))
        wait(made[-1], lambda: made[-1].check() == "")
        return made[-1]

    yield make
    assert [sink.flush(60.0) for sink in made] == [0] * len(made)


def wait(sink: NativeSink, until: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = Deadline("the client's answer", seconds)
    while not until():
        deadline.check()
        assert sink.fd is not None
        select.select([sink.fd], [], [], 0.05)
        sink.poll()


def orders(first: int, count: int, customers: int = 40) -> Any:
    """Plain orders; amounts count on."""
    import orderpipeline_accelerator as native

    raw = json.dumps([
        {"customer_id": f"customer-{n % customers}-ü", "product_id": "p", "quantity": 1, "amount": n}
        for n in range(first, first + count)
    ], ensure_ascii=False).encode()  # fmt: skip
    found = native.read_array(raw, count, 65536)
    assert found is not None
    return found.minted_with(Ids(time.time_ns, os.urandom).blocks(count))


def produce(sink: NativeSink, some: Any, headers: Any = PLAIN_HEADERS) -> list[Any]:
    """Hand over plain orders; the list gets what failed, once it is known."""
    from orderpipeline_producer.decoding.accelerated import Plain

    told: list[Any] = []
    assert sink.produce_plain is not None
    assert sink.produce_plain(Plain(some), headers, told.append) == len(some)
    return told


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


@pytest.mark.parametrize("way", ["none", "snappy", "lz4", "gzip"], indirect=True)
def test_records_are_those_of_the_python_client(
    broker: Broker, topic: str, sinks: Callable[..., NativeSink], way: str
) -> None:
    some = orders(0, 300)
    sink = sinks(config(broker, way), topic)
    told = produce(sink, some, [*PLAIN_HEADERS, TRACE])
    wait(sink, lambda: bool(told))
    assert told == [[]]
    other = broker.create_topic(f"{topic}-python", PARTITIONS)
    python = KafkaSink(config(broker, way), other)
    for key, value, _ in some:
        python.produce(key, value, [*PLAIN_HEADERS, TRACE], lambda error, _: None)
    assert python.flush(60.0) == 0
    assert sorted(records(broker, topic)) == sorted(records(broker, other))
    assert len({record[0] for record in records(broker, topic)}) > 1


def test_single_records(broker: Broker, topic: str, sinks: Callable[..., NativeSink], way: str) -> None:
    sink = sinks(config(broker, way), topic)
    told: list[Any] = []
    assert sink.take is not None
    body = b' {"customer_id":"c","product_id":"p","quantity":1,"amount":1} '
    assert sink.take(body, 10**6, "id-1", lambda *each: told.append(each)) == (len(body) + 18, b'{"order_id":"id-1"}')
    assert sink.take(body, 10, "id-2", lambda *each: told.append(each)) is None
    assert sink.take(b'{"customer_id":1}', 10**6, "id-3", lambda *each: told.append(each)) is None
    sink.produce("c", b"v", [*PLAIN_HEADERS, TRACE], lambda *each: told.append(each))
    wait(sink, lambda: len(told) == 2)
    assert told == [(None, None)] * 2
    found = records(broker, topic)
    assert [value for _, _, value, _ in found] == [b'{"order_id":"id-1",' + body[2:], b"v"]
    assert [headers for *_, headers in found] == [PLAIN_HEADERS, [*PLAIN_HEADERS, TRACE]]


def test_a_broker_that_comes_and_goes_loses_nothing_doubles_nothing_and_keeps_the_order(
    broker: Broker, topic: str, sinks: Callable[..., NativeSink], way: str
) -> None:
    sink = sinks(config(broker, way), topic)
    told: list[list[Any]] = []
    sent = 0

    def more(seconds: float) -> None:
        nonlocal sent
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            told.append(produce(sink, orders(sent, 100)))
            sent += 100
            wait(sink, lambda: len(told) - sum(map(bool, told)) < 50)
            time.sleep(0.005)

    more(1.0)
    broker.kill()
    for _ in range(20):
        told.append(produce(sink, orders(sent, 100)))
        sent += 100
    broker.start()
    more(1.0)
    wait(sink, lambda: all(told))
    assert told == [[[]]] * len(told)
    amounts: dict[bytes, list[int]] = {}
    places: dict[bytes, int] = {}
    for place, key, value, _ in records(broker, topic):
        amounts.setdefault(key, []).append(json.loads(value)["amount"])
        assert places.setdefault(key, place) == place
    assert sorted(n for each in amounts.values() for n in each) == list(range(sent))
    assert all(each == sorted(each) for each in amounts.values())


def test_a_frozen_broker_fails_orders_in_time_and_the_next_ones_go_through(
    broker: Broker, topic: str, sinks: Callable[..., NativeSink], way: str
) -> None:
    sink = sinks(config(broker, way, **{"delivery.timeout.ms": 1500}), topic)
    first = produce(sink, orders(0, 50))
    wait(sink, lambda: bool(first))
    broker.pause()
    try:
        stuck = produce(sink, orders(50, 50))
        begun = time.monotonic()
        wait(sink, lambda: bool(stuck))
        assert 1.0 < time.monotonic() - begun < 9.0, "not only when the request to Kafka is given up, after 10 s"
        assert sorted(at for at, _ in stuck[0]) == list(range(50))
        assert {code for _, code in stuck[0]} == {-192}
    finally:
        broker.resume()
    deadline, after = Deadline("orders acknowledged again"), [[(0, -192)]]
    while after != [[]]:  # the broker may still have been asleep for some
        deadline.check(after)
        after = produce(sink, orders(100, 50))
        wait(sink, lambda after=after: bool(after))


def test_what_the_broker_refuses_fails_alone(broker: Broker, sinks: Callable[..., NativeSink], way: str) -> None:
    small = broker.create_topic(f"small-{time.monotonic_ns()}", 1, {"max.message.bytes": "2000"})
    sink = sinks(config(broker, way, **{"linger.ms": 0}), small)
    told: list[Any] = []
    value = os.urandom(3000)
    sink.produce("k", value, PLAIN_HEADERS, lambda error, message: told.append((error.code(), message.value())))
    wait(sink, lambda: bool(told))
    assert told == [(10, value)]
    good: list[Any] = []
    for _ in range(3):
        sink.produce("k", b"v", PLAIN_HEADERS, lambda *each: good.append(each))
    wait(sink, lambda: len(good) == 3)
    assert good == [(None, None)] * 3


def test_no_more_than_its_bytes_is_held(broker: Broker, topic: str, sinks: Callable[..., NativeSink], way: str) -> None:
    sink = sinks(config(broker, way, **{"queue.buffering.max.kbytes": 64}), topic)
    from orderpipeline_producer.decoding.accelerated import Plain

    told: list[Any] = []
    assert sink.produce_plain is not None
    broker.pause()  # or it could have taken the first when the next come
    try:
        taken = sink.produce_plain(Plain(orders(0, 1000)), PLAIN_HEADERS, told.append)
        assert 100 < taken < 1000
        assert sink.produce_plain(Plain(orders(0, 10)), PLAIN_HEADERS, told.append) == 0
    finally:
        broker.resume()
    wait(sink, lambda: bool(told))
    assert told == [[]]
    assert len(records(broker, topic)) == taken


def test_what_is_wrong_is_told(broker: Broker, way: str) -> None:
    sink = NativeSink(config(broker, way), "not-there", PLAIN_HEADERS)
    wait(sink, lambda: "not-there" in sink.check())
    lost = NativeSink(config(broker, way, **{"bootstrap.servers": "127.0.0.1:1"}), "t", PLAIN_HEADERS)
    seen: list[int] = []
    lost.on_trouble = lambda: seen.append(1)
    assert "unreachable" in lost.check()
    wait(lost, lambda: bool(seen))
    with pytest.raises(ValueError, match="linger"):
        NativeSink(config(broker, way, **{"linger.ms": "soon"}), "t", PLAIN_HEADERS)
