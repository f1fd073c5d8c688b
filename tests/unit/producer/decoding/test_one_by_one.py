"""Bytes to records, one order at a time."""

import json
from typing import Any

from orderpipeline_common.order import decode_order, keyed_id
from orderpipeline_producer.decoding.one_by_one import read_order, read_orders
from orderpipeline_producer.decoding.order_ids import KeyedIds
from orderpipeline_producer.decoding.record_batch import Record
from tests.unit.producer.fakes import PlaceIds, rows

GOOD: dict[str, Any] = {"customer_id": "é", "product_id": "p", "quantity": 1, "amount": 1.5}

RAW = json.dumps(GOOD).encode()


IDS = PlaceIds()


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


def test_a_retry_with_the_same_key_gives_the_same_records() -> None:
    def read() -> list[tuple[int, str, bytes, str]]:
        batch, _ = read_orders(enumerate([RAW, RAW]), 1000, KeyedIds("shop", "key", batch=True))
        return rows(batch)

    assert read() == read()
    assert len({order_id for *_, order_id in read()}) == 2
    single = read_order(RAW, 0, 1000, KeyedIds("shop", "key", batch=False))
    assert isinstance(single, Record)
    assert single.order_id == keyed_id("shop", "key")
