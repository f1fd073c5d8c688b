"""Orders read many at a time are those that are read one by one, or are left to be."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_common.order import Order, OrderError, decode_all, decode_order
from orderpipeline_consumer.fetching.confluent import MessageLot
from orderpipeline_consumer.processing.partition import Partition
from orderpipeline_consumer.records.batch import Part
from tests.unit.consumer.parts import RecordLot, record
from tests.unit.consumer.test_parts import GOOD, UNNAMED, Message

pieces = st.sampled_from(
    [GOOD, UNNAMED, b"{", b"}", b"[", b"]", b",", b"\n", b" ", b"", b'"note":[', b'"amount":1}', b"\\u0000", b"\xff",
     GOOD[:-1] + b',"note":[{}', b"{}]}", GOOD.replace(b"c", "é".encode()), b'{"customer_id":"c\\u0000"}']
)  # fmt: skip
values = st.lists(pieces, max_size=4).map(b"".join)


def one(value: bytes) -> Order | None:
    try:
        return decode_order(value)
    except OrderError:
        return None


@given(st.lists(values | st.just(GOOD), min_size=1, max_size=6))
def test_no_value_passes_for_an_order_with_the_help_of_its_neighbours(batch: list[bytes]) -> None:
    found = decode_all(batch)
    assert found is None or found == [one(value) for value in batch]


def test_two_orders_in_one_value_are_none() -> None:
    assert decode_all([GOOD + GOOD, GOOD[:-1] + b',"note":[', b"{}]}"]) is None
    assert decode_all([GOOD + GOOD, b""]) is None
    assert decode_all([GOOD[:-1] + b',"\xc3', b'\xa9":1}']) is None


def test_ordinary_orders_are_read_together() -> None:
    assert decode_all([GOOD] * 500) == [decode_order(GOOD)] * 500
    assert decode_all([GOOD, b"{}", GOOD]) is None


def lot(*messages: bytes | None) -> MessageLot:
    many: Any = [Message(value, offset=42 + place) for place, value in enumerate(messages)]
    return MessageLot("orders", many, [42 + place for place in range(len(many))])


def test_a_part_has_the_orders_that_its_records_have() -> None:
    part = Part(lot(GOOD, UNNAMED, UNNAMED), 1, 3)
    assert part.plain
    assert [order.order_id for order in part.orders] == ["orders/3/43/1700", "orders/3/44/1700"]
    assert list(part.orders) == [each.order for each in part]
    assert part.customers == {"c"}
    assert (len(part), part.first, part.last) == (2, 43, 44)
    assert not Part(lot(GOOD, None), 0, 1).plain


def test_parts_take_the_memory_of_the_whole() -> None:
    whole = Part(lot(*[GOOD] * 10), 0, 10)
    first, rest = whole.cut(3)
    assert rest is not None
    assert (len(first), len(rest)) == (3, 7)
    assert first.size + rest.size == whole.size
    assert rest.cut(7) == (rest, None)


def partition(*customers: str) -> Partition:
    one = Partition(0)
    one.receive(Part(RecordLot([record(n, name) for n, name in enumerate(customers)]), 0, len(customers)))
    return one


def test_a_batch_alone_stays_whole_and_one_beside_it_has_other_customers() -> None:
    held = partition(*"abcabdef")
    whole = held.take(3)
    assert isinstance(whole, Part)
    beside = held.take(3)
    assert [each.lane for each in beside] == ["d"]
    assert [each.lane for each in held.take(3)] == ["e", "f"]
    assert not held.ready
    held.finished(whole)
    assert sorted(each.offset for each in held.take(9)) == [3, 4]


def test_the_batch_after_one_that_ended_is_whole_again() -> None:
    held = partition(*"aaaaa")
    for expected in ([0, 1], [2, 3], [4]):
        batch = held.take(2)
        assert isinstance(batch, Part)
        assert [each.offset for each in batch] == expected
        held.offsets.finished_run(batch.run)
        held.finished(batch)
        assert held.offsets.position == expected[-1] + 1
    assert not held.ready


def test_a_whole_batch_that_failed_keeps_its_customers_back() -> None:
    held = partition(*"abab")
    batch = held.take(2)
    assert isinstance(batch, Part)
    records = held.split(batch)
    assert [each.offset for each in records] == [0, 1]
    assert held.take(2) == []
    held.queue.put_back("a", records[:1])
    held.queue.release("a")
    held.offsets.finished([1])
    held.queue.release("b")
    assert held.offsets.position == 0
    assert [each.offset for each in held.take(9)] == [0, 2, 3]
