"""Decoding records."""

import tracemalloc

import pytest

from orderpipeline_common.order import Order
from orderpipeline_consumer.processing.keyed_queue import KeyedQueue
from orderpipeline_consumer.records.record import Record, decode_message
from orderpipeline_consumer.sinks.http import json_array
from tests.unit.consumer.builders import ORDER, ORDER_WITHOUT_ID, Message, orders


def test_an_order_is_decoded_and_keyed_by_its_customer() -> None:
    one = decode_message(Message(ORDER), orders(3))
    assert one.order == Order("c", "p", 1, 0.1, "o")
    assert (one.ordering_key, one.decode_error, one.id_derived) == ("c", "", False)


def test_the_size_of_records_covers_their_memory() -> None:
    extra = [("content-type", b"application/json"), ("traceparent", b"00-" + b"a" * 52)]
    for value in (ORDER, ORDER.replace(b"[1]", b'"' + b"x" * 20_000 + b'"')):
        messages = [Message(bytes(bytearray(value)), headers=list(extra)) for _ in range(500)]
        tracemalloc.start()
        try:
            held = [decode_message(message, orders(3)) for message in messages]
            queue: KeyedQueue[Record] = KeyedQueue()
            for n, one in enumerate(held):
                queue.push(f"customer-{n}", one)
            taken = tracemalloc.get_traced_memory()[0] + 500 * len(value)
        finally:
            tracemalloc.stop()
        assert taken <= sum(one.size for one in held) <= 3 * taken


def test_an_order_without_an_id_gets_the_same_one_on_redelivery() -> None:
    first, again = (decode_message(Message(ORDER_WITHOUT_ID), orders(3)) for _ in range(2))
    assert first.order is not None
    assert first.order.order_id == "orders/3/42/1700"
    assert first == again
    assert b'"order_id":"orders/3/42/1700"' in json_array([first])
    assert json_array([decode_message(Message(ORDER), orders(3))]) == b"[" + ORDER + b"]"


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"customer_id":1}', b"\xff", b"[" * 5000])
def test_a_value_that_is_not_an_order_has_an_error_and_is_keyed_by_its_record_key(value: bytes | None) -> None:
    one = decode_message(Message(value), orders(3))
    assert one.order is None
    assert one.decode_error
    assert one.ordering_key == "k"
    assert decode_message(Message(value, None), orders(3)).ordering_key == ""
