"""Batches decoded in one go are what their orders are one by one."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_producer.decoding.bulk import read_array, read_lines
from orderpipeline_producer.decoding.one_by_one import read_orders
from orderpipeline_producer.decoding.record_batch import Record
from tests.unit.producer.fakes import PlaceIds, rows

GOOD: dict[str, Any] = {"customer_id": "é", "product_id": "p", "quantity": 1, "amount": 1.5}

RAW = json.dumps(GOOD).encode()


IDS = PlaceIds()


@given(st.lists(st.sampled_from([RAW, b" " + RAW + b"\r", RAW + b"," + RAW, b"[" + RAW, RAW + b"]", RAW[:20], b"x"])))
def test_lines_in_bulk_are_what_they_are_one_by_one_or_none(lines: list[bytes]) -> None:
    numbered = list(enumerate(lines, 7))
    records, refused = read_orders(numbered, 1000, IDS)
    bulk = read_lines(numbered, 1000, IDS)
    assert (bulk is None) == (bool(refused) or not lines)
    if bulk is not None:
        assert [(index, key, value.strip(), order_id) for index, key, value, order_id in rows(bulk)] == [
            (index, key, value.strip(), order_id) for index, key, value, order_id in rows(records)
        ]


def test_lines_with_blank_ones_between_are_no_bulk() -> None:
    assert read_lines([(0, RAW), (2, RAW)], 1000, IDS) is None
    assert read_lines([(0, RAW), (1, RAW)], len(RAW) - 1, IDS) is None


UNUSUAL = [RAW[:-1] + b',"note":"\\u0000"}', RAW[:-1] + b',"note":"' + b"[" * 200 + b'"}']

GOOD_AND_BAD = [
    RAW,
    b' {"order_id": "mine", ' + RAW[1:],
    RAW[:-1] + b',"note":["\\u00e9[{", {}]}\n',
    RAW[:-1] + b',"x":' + b"[" * 150 + b"]" * 150 + b"}",
    RAW[:-1] + b',"note":"\xff"}',
    RAW[:-1] + b',"note":"' + b"x" * 400 + b'"}',
    RAW.replace(b'p"', b'\\u0000"'),
    b"{}",
    b"3",
    b"x",
]


@given(st.lists(st.sampled_from(UNUSUAL + GOOD_AND_BAD), max_size=6))
def test_a_bulk_is_what_its_orders_are_one_by_one_or_is_none(raws: list[bytes]) -> None:
    bulk = read_array(b"[" + b",".join(raws) + b"]", 5, 400, IDS)
    records, refused = read_orders(enumerate(raw.strip() for raw in raws), 400, IDS)
    if bulk is None:
        assert refused or not 1 <= len(raws) <= 5 or any(raw in UNUSUAL for raw in raws)
        return
    assert not refused
    assert rows(bulk) == rows(records)
    assert rows(bulk[1:]) == rows(records)[1:]
    assert bulk.size >= sum(Record(*row).size for row in rows(records))
