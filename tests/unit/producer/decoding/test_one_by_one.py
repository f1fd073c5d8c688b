"""Bytes to records, one order at a time."""

import json
import sys
import tracemalloc
from typing import Any

import pytest

from orderpipeline_common.order import OrderError, decode_order, keyed_id
from orderpipeline_producer.decoding import one_by_one as ingest
from orderpipeline_producer.decoding.one_by_one import (
    Record,
    Refusal,
    TooManyOrdersError,
    read_array,
    read_order,
    read_orders,
)

if sys.version_info >= (3, 14):
    pass
else:
    pass


GOOD: dict[str, Any] = {"customer_id": "é", "product_id": "p", "quantity": 1, "amount": 1.5}

RAW = json.dumps(GOOD).encode()


def mint(index: int) -> str:
    return f"minted-{index}"


def test_an_order_with_an_id_goes_on_byte_for_byte() -> None:
    raw = b' {"order_id": "mine", "note":"\xc3\xa9",' + RAW[1:] + b"\n"
    assert read_order(raw, 3, 1000, mint) == Record(3, "é", raw, "mine")


def test_an_order_without_an_id_gets_the_one_of_its_place() -> None:
    record = read_order(RAW, 3, 1000, mint)
    assert isinstance(record, Record)
    assert record.order_id == "minted-3"
    assert json.loads(record.value) == {**GOOD, "order_id": "minted-3"}
    assert decode_order(record.value).order_id == "minted-3"


def test_refusals_carry_the_status_the_order_would_get_alone() -> None:
    raws = [b"nonsense", b"{}", RAW, b" " * 2000]
    records, refusals = read_orders(enumerate(raws), 1000, mint)
    assert [record.index for record in records] == [2]
    assert [(refusal.index, refusal.status, refusal.field) for refusal in refusals] == [
        (0, 400, ""),
        (1, 422, "customer_id"),
        (3, 413, ""),
    ]


def test_arrays_have_at_least_one_and_at_most_the_limits_orders() -> None:
    assert read_array(b"[1, {}]", 2) == [b"1", b"{}"]
    with pytest.raises(TooManyOrdersError, match="3 orders; the most is 2"):
        read_array(b"[1,2,3]", 2)
    with pytest.raises(OrderError, match="empty"):
        read_array(b"[]", 2)
    with pytest.raises(OrderError, match="send one order to /order"):
        read_array(RAW, 2)


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
    monkeypatch.setattr(ingest, "SAFE_ELEMENTS", 0)
    monkeypatch.setattr(ingest, "decode_array", lambda raw: made.append(1) or [b"x"])
    raw = b"[" + b",".join([element] * 100) + b"]"
    if more:
        with pytest.raises(TooManyOrdersError):
            read_array(raw, most)
    else:
        read_array(raw, most)
    assert bool(made) is not more


def test_a_body_of_the_smallest_elements_takes_little_memory() -> None:
    raw = b"[" + b"1," * 2_000_000 + b"1]"
    tracemalloc.start()
    try:
        with pytest.raises(TooManyOrdersError, match="more than 10000"):
            read_array(raw, 10_000)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_retry_with_the_same_key_gives_the_same_records() -> None:
    def read() -> list[Record]:
        records, _ = read_orders(enumerate([RAW, RAW]), 1000, lambda index: keyed_id("shop", "key", index))
        return records

    assert read() == read()
    assert len({record.order_id for record in read()}) == 2
    assert not isinstance(read_order(RAW, 0, 1000, mint), Refusal)
