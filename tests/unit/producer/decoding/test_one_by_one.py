"""Bytes to records, one order at a time."""

import json
from typing import Any

from orderpipeline_common.order import decode_order
from orderpipeline_producer.decoding.bulk import read_lines
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
        batch, _ = read_orders(enumerate([RAW, RAW]), 1000, KeyedIds("shop", "key"))
        return rows(batch)

    assert read() == read()
    assert len({order_id for *_, order_id in read()}) == 2


def test_a_keyed_order_has_the_same_id_alone_and_in_any_batch() -> None:
    other = RAW.replace(b"1.5", b"2.5")

    def ids(*raws: bytes) -> list[str]:
        return [order_id for *_, order_id in rows(read_orders(enumerate(raws), 1000, KeyedIds("shop", "key"))[0])]

    single = read_order(b" " + RAW + b"\r", 0, 1000, KeyedIds("shop", "key"))
    assert isinstance(single, Record)
    assert ids(RAW) == [single.order_id]
    assert ids(other, b"{}", RAW) == [*ids(other), single.order_id], "what failed before it does not count"
    assert ids(other) != ids(RAW)
    bulk = read_lines([(0, RAW), (1, other), (2, RAW)], 1000, KeyedIds("shop", "key"))
    assert bulk is not None
    assert [order_id for *_, order_id in rows(bulk)] == ids(RAW, other, RAW)
