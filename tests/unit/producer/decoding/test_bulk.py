"""Batches decoded in one go are what their orders are one by one."""

import json
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_producer.decoding.bulk import lines_bulk, read_bulk
from orderpipeline_producer.decoding.one_by_one import read_orders

if sys.version_info >= (3, 14):
    pass
else:
    pass


GOOD: dict[str, Any] = {"customer_id": "é", "product_id": "p", "quantity": 1, "amount": 1.5}

RAW = json.dumps(GOOD).encode()


def mint(index: int) -> str:
    return f"minted-{index}"


@given(st.lists(st.sampled_from([RAW, b" " + RAW + b"\r", RAW + b"," + RAW, b"[" + RAW, RAW + b"]", RAW[:20], b"x"])))
def test_lines_in_bulk_are_what_they_are_one_by_one_or_none(lines: list[bytes]) -> None:
    numbered = list(enumerate(lines, 7))
    records, refusals = read_orders(numbered, 1000, mint)
    bulk = lines_bulk(numbered, 1000, mint)
    assert (bulk is None) == (bool(refusals) or not lines)
    if bulk is not None:
        assert [(r.index, r.key, r.value.strip(), r.order_id) for r in bulk] == [
            (r.index, r.key, r.value.strip(), r.order_id) for r in records
        ]


def test_lines_with_blank_ones_between_are_no_bulk() -> None:
    assert lines_bulk([(0, RAW), (2, RAW)], 1000, mint) is None
    assert lines_bulk([(0, RAW), (1, RAW)], len(RAW) - 1, mint) is None


def ids(count: int) -> list[str]:
    return [f"minted-{index}" for index in range(count)]


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
    bulk = read_bulk(b"[" + b",".join(raws) + b"]", 5, 400, ids)
    records, refusals = read_orders(enumerate(raw.strip() for raw in raws), 400, mint)
    if bulk is None:
        assert refusals or not 1 <= len(raws) <= 5 or any(raw in UNUSUAL for raw in raws)
        return
    assert not refusals
    assert list(bulk) == records
    assert bulk[1:][0] == records[1] if len(records) > 1 else bulk[-1] == records[0]
    assert bulk.size >= sum(record.size for record in records)
