"""Bytes to records, one order at a time."""

import json
import tracemalloc
from typing import Any

import pytest

from orderpipeline_common.order import decode_order, keyed_id
from orderpipeline_producer.decoding import one_by_one
from orderpipeline_producer.decoding.one_by_one import read_elements, read_order, read_orders
from orderpipeline_producer.decoding.order_ids import KeyedIds
from orderpipeline_producer.decoding.record_batch import Record, Refused
from orderpipeline_producer.web import problems
from tests.unit.producer.fakes import PlaceIds, rows

GOOD: dict[str, Any] = {"customer_id": "é", "product_id": "p", "quantity": 1, "amount": 1.5}

RAW = json.dumps(GOOD).encode()


IDS = PlaceIds()


def refused(found: object) -> tuple[int, str]:
    assert isinstance(found, Refused)
    return found.status, found.detail


def test_an_order_with_an_id_goes_on_byte_for_byte() -> None:
    raw = b' {"order_id": "mine", "note":"\xc3\xa9",' + RAW[1:] + b"\n"
    assert read_order(raw, 3, 1000, IDS) == Record(3, "é", raw, "mine")


def test_an_order_without_an_id_gets_the_one_of_its_place() -> None:
    record = read_order(RAW, 3, 1000, IDS)
    assert isinstance(record, Record)
    assert record.order_id == "id-3"
    assert json.loads(record.value) == {**GOOD, "order_id": "id-3"}
    assert decode_order(record.value).order_id == "id-3"


def test_refusals_carry_the_status_the_order_would_get_alone() -> None:
    raws = [b"nonsense", b"{}", RAW, b" " * 2000]
    batch, refusals = read_orders(enumerate(raws), 1000, IDS)
    assert [index for index, *_ in rows(batch)] == [2]
    assert [(each.index, each.status, each.field) for each in refusals] == [
        (0, 400, ""),
        (1, 422, "customer_id"),
        (3, 413, ""),
    ]


def test_arrays_have_at_least_one_and_at_most_the_limits_orders() -> None:
    assert read_elements(b"[1, {}]", 2) == [b"1", b"{}"]
    assert refused(read_elements(b"[1,2,3]", 2)) == (413, problems.too_many_orders(3, 2))
    assert refused(read_elements(b"[]", 2)) == (422, problems.EMPTY_BATCH)
    status, detail = refused(read_elements(RAW, 2))
    assert status == 422
    assert "send one order to /order" in detail
    assert refused(read_elements(b"[1", 2))[0] == 400


@pytest.mark.parametrize(
    ("element", "most", "more"),
    [
        (b"1", 99, True),
        (b"1", 100, False),
        (b'{"a":[1,2,3,4,5,6,7,8,9,",",\n",\\",",{}]}', 4, True),
        (b'{"a":[' + b"[1,2]," * 1000 + b'1],"b":",,,\\",,[{"}', 100, False),
    ],
)
def test_elements_are_counted_before_they_are_made(
    element: bytes, most: int, more: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(one_by_one, "SAFE_ELEMENTS", 0)
    monkeypatch.setattr(one_by_one, "decode_array", lambda raw: made.append(1) or [b"x"])
    raw = b"[" + b",".join([element] * 100) + b"]"
    if more:
        assert refused(read_elements(raw, most))[0] == 413
    else:
        assert isinstance(read_elements(raw, most), list)
    assert bool(made) is not more


def test_a_body_of_the_smallest_elements_takes_little_memory() -> None:
    raw = b"[" + b"1," * 2_000_000 + b"1]"
    tracemalloc.start()
    try:
        assert refused(read_elements(raw, 10_000)) == (413, problems.more_orders_than(10_000))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_retry_with_the_same_key_gives_the_same_records() -> None:
    def read() -> list[tuple[int, str, bytes, str]]:
        batch, _ = read_orders(enumerate([RAW, RAW]), 1000, KeyedIds("shop", "key", batch=True))
        return rows(batch)

    assert read() == read()
    assert len({order_id for *_, order_id in read()}) == 2
    single = read_order(RAW, 0, 1000, KeyedIds("shop", "key", batch=False))
    assert isinstance(single, Record)
    assert single.order_id == keyed_id("shop", "key")
