"""Decoding, dead-letter headers, settings, handler loading, client configuration."""

import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import KafkaError

from orderpipeline_common.contract import Env, Header
from orderpipeline_common.order import Order
from orderpipeline_common.runtime import EnvReader, SettingsError
from orderpipeline_consumer.fetching.confluent import MessageLot
from orderpipeline_consumer.kafka.client import consumer_config, is_fatal, is_member, lacks_protocol, protocols
from orderpipeline_consumer.processing.dead_letters import headers
from orderpipeline_consumer.processing.keyed_queue import KeyedQueue
from orderpipeline_consumer.records.batch import Part
from orderpipeline_consumer.records.record import Record, from_message
from orderpipeline_consumer.settings import read_settings
from orderpipeline_consumer.sinks.handler import load
from orderpipeline_consumer.sinks.http import body, idempotency_key
from orderpipeline_consumer.sinks.postgres.sink import values
from tests.unit.consumer.parts import record

GOOD = b'{"customer_id":"c","product_id":"p","quantity":1,"amount":0.1,"order_id":"o","more":[1]}'
UNNAMED = b'{"customer_id":"c","product_id":"p","quantity":1,"amount":0.1}'


class Message:
    """A Kafka message with this value."""

    def __init__(
        self,
        value: bytes | None,
        key: bytes | None = b"k",
        extra: list[tuple[str, bytes]] | None = None,
        offset: int = 42,
    ) -> None:
        self._value, self._key, self._extra, self._offset = value, key, extra, offset

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return (1, 1700)

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def headers(self) -> object:
        return self._extra


def test_an_order_is_decoded_and_belongs_to_its_customer() -> None:
    one = from_message(Message(GOOD), "orders")
    assert one.order == Order("c", "p", 1, 0.1, "o")
    assert (one.lane, one.fault, one.minted) == ("c", "", False)


def test_the_size_of_records_bounds_the_memory_they_take() -> None:
    extra = [("content-type", b"application/json"), ("traceparent", b"00-" + b"a" * 52)]
    for value in (GOOD, GOOD.replace(b"[1]", b'"' + b"x" * 20_000 + b'"')):
        messages = [Message(bytes(bytearray(value)), extra=list(extra)) for _ in range(500)]
        tracemalloc.start()
        try:
            held = [from_message(message, "orders") for message in messages]
            queue: KeyedQueue[Record] = KeyedQueue()
            for n, one in enumerate(held):
                queue.push(f"customer-{n}", one)
            taken = tracemalloc.get_traced_memory()[0] + 500 * len(value)
        finally:
            tracemalloc.stop()
        assert taken <= sum(one.size for one in held) <= 3 * taken


def test_an_order_without_an_id_gets_one_that_a_redelivery_gets_too() -> None:
    first, again = (from_message(Message(UNNAMED), "orders") for _ in range(2))
    assert first.order is not None
    assert first.order.order_id == "orders/3/42/1700"
    assert first == again
    assert b'"order_id":"orders/3/42/1700"' in body([first])
    assert body([from_message(Message(GOOD), "orders")]) == b"[" + GOOD + b"]"


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"customer_id":1}', b"\xff", b"[" * 5000])
def test_what_is_no_order_has_a_fault_and_its_keys_lane(value: bytes | None) -> None:
    one = from_message(Message(value), "orders")
    assert one.order is None
    assert one.fault
    assert one.lane == "k"
    assert from_message(Message(value, None), "orders").lane == ""


def test_a_dead_letter_keeps_its_headers_and_tells_its_latest_origin() -> None:
    extra = [("traceparent", b"t"), (Header.ORIGIN_TOPIC, b"earlier")]
    found = headers(from_message(Message(GOOD, extra=extra), "orders"), "orders", ValueError("bad \u2603" * 1000), 3)
    assert [name for name, _ in found].count(Header.ORIGIN_TOPIC) == 1
    said = dict(found)
    assert said["traceparent"] == b"t"
    assert (said[Header.ORIGIN_TOPIC], said[Header.ORIGIN_PARTITION], said[Header.ORIGIN_OFFSET]) == (
        b"orders",
        b"3",
        b"42",
    )
    assert (said[Header.ORIGIN_TIMESTAMP], said[Header.ATTEMPTS]) == (b"1700", b"3")
    assert (said[Header.ERROR] or b"").decode().startswith("ValueError: bad \u2603")
    assert len((said[Header.ERROR] or b"").decode()) == 1024


def test_the_idempotency_key_depends_on_the_orders_and_their_order() -> None:
    a, b = record(1), record(2)
    assert idempotency_key([a, b]) == idempotency_key([a, b])
    assert len({idempotency_key(each) for each in ([a], [b], [a, b], [b, a])}) == 4


def test_orders_go_to_the_database_with_the_digits_that_they_came_with() -> None:
    messages: list[Any] = [Message(GOOD.replace(b"0.1", b"1234567890123456.78")), Message(UNNAMED, offset=43)]
    lot = MessageLot("orders", messages, [42, 43])
    found = values(Part(lot, 0, 2))
    assert found == values(lot.records(0, 2))
    assert '"amount":1234567890123456.78' in found["orders"]
    assert (found["at"], found["placed"]) == ([42, 43], [1700, 1700])


BASE = {Env.BOOTSTRAP_SERVERS: "localhost:9092", Env.GROUP: "g"}


def test_defaults() -> None:
    found = read_settings(EnvReader(BASE))
    assert (found.workers, found.batch_size, found.offset_reset, found.group_protocol) == (10, 100, "earliest", "auto")
    assert (found.attempts, found.backoff_seconds, found.dead_letter_topic, found.port) == (5, 0.2, "", 8081)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (Env.GROUP, ""),
        (Env.WORKERS, "0"),
        (Env.BATCH_SIZE, "many"),
        (Env.OFFSET_RESET, "none"),
        (Env.SINK, "file"),
        (Env.SINK_DSN_FILE, "/no/such/file"),
        (Env.GROUP_PROTOCOL, "eager"),
        (Env.RETRY_BACKOFF_MS, "0"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings(EnvReader({**BASE, name: value}))


@pytest.mark.parametrize(("sink", "name"), [("http", Env.SINK_URL), ("postgres", Env.SINK_DSN_FILE)])
def test_a_sink_asks_for_what_it_needs(sink: str, name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings(EnvReader({**BASE, Env.SINK: sink}))
    assert read_settings(EnvReader({**BASE, Env.SINK: sink, Env.HANDLER: "a:b"})).sink.handler == "a:b"


async def handler(orders: Sequence[Order]) -> None: ...


def not_async(orders: Sequence[Order]) -> None: ...


def test_a_handler_is_found_by_name() -> None:
    assert load(f"{__name__}:handler") is handler


@pytest.mark.parametrize(
    "name", ["nothing", "no.such:thing", f"{__name__}:missing", f"{__name__}:not_async", f"{__name__}:BASE"]
)
def test_a_name_that_is_no_handler_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=Env.HANDLER):
        load(name)


def test_the_configuration_commits_nothing_by_itself() -> None:
    for protocol in protocols("auto"):
        config = consumer_config({"bootstrap.servers": "b"}, "g", protocol, "earliest", 300)
        assert config["enable.auto.commit"] is False
        assert config["enable.auto.offset.store"] is False
        assert ("partition.assignment.strategy" in config) == (protocol == "classic")
    assert protocols("auto") == ("consumer", "classic")
    assert protocols("classic") == ("classic",)


def test_which_errors_end_the_consumer() -> None:
    unsupported = KafkaError(KafkaError._FATAL, "Broker: API version not supported: ConsumerGroupHeartbeat fatal error")
    assert lacks_protocol(unsupported)
    assert is_fatal(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    assert not is_fatal(KafkaError(KafkaError._TRANSPORT))
    assert not lacks_protocol(KafkaError(KafkaError._FATAL, "fenced"))


def test_who_counts_as_a_member() -> None:
    assert is_member({"state": "up", "join_state": "steady", "stateage": 1})
    assert is_member({"state": "up", "join_state": "init", "stateage": 6000})
    assert not is_member({"state": "up", "join_state": "init", "stateage": 100})
    assert not is_member({"state": "wait-coord", "join_state": "init", "stateage": 9000})
    assert not is_member({})
