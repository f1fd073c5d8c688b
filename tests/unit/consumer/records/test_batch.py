"""Slices of a fetched batch."""

from typing import Any

from orderpipeline_consumer.fetching.confluent import MessageBatch
from orderpipeline_consumer.records.batch import BatchSlice
from tests.unit.consumer.builders import ORDER, ORDER_WITHOUT_ID, Message, orders


def batch(*messages: bytes | None) -> MessageBatch:
    many: Any = [Message(value, offset=42 + index) for index, value in enumerate(messages)]
    return MessageBatch(orders(3), many, [42 + index for index in range(len(many))])


def test_a_slice_has_the_orders_of_its_records() -> None:
    records = BatchSlice(batch(ORDER, ORDER_WITHOUT_ID, ORDER_WITHOUT_ID), 1, 3)
    assert records.all_valid
    assert [order.order_id for order in records.orders] == ["orders/3/43/1700", "orders/3/44/1700"]
    assert list(records.orders) == [each.order for each in records]
    assert records.ordering_keys == {"c"}
    assert (len(records), records.first_offset, records.last_offset) == (2, 43, 44)
    assert not BatchSlice(batch(ORDER, None), 0, 1).all_valid


def test_the_sizes_of_slices_add_up() -> None:
    whole = BatchSlice(batch(*[ORDER] * 10), 0, 10)
    first, rest = whole.split_at(3)
    assert rest is not None
    assert (len(first), len(rest)) == (3, 7)
    assert first.size + rest.size == whole.size
    assert rest.split_at(7) == (rest, None)
