"""Whatever the accelerator accepts, Python accepts, with the same records as a result."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderpipeline_common.order import MAX_QUANTITY, decode_order
from orderpipeline_producer.decoding import bulk
from orderpipeline_producer.decoding.accelerated import AcceleratedBatch
from orderpipeline_producer.decoding.order_ids import TimeOrderedIds
from orderpipeline_producer.decoding.record_batch import DecodedBatch
from tests.unit.producer.fakes import rows

pytestmark = pytest.mark.accelerator

VALID = {"customer_id": "c", "product_id": "p", "quantity": 1, "amount": 2.5}
MAX_ORDERS, MAX_BYTES = 20, 4096

names = st.text(st.characters(codec="utf-8"), max_size=130)
others = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
orders = st.fixed_dictionaries(
    {
        "customer_id": names,
        "product_id": names,
        "quantity": st.integers(-1, MAX_QUANTITY + 1),
        "amount": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-1, 10**30),
    },
    optional={"order_id": st.text(max_size=66), "note": others, "Quantity": others},
)
valid_names = st.text(
    st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters='"\\'), min_size=1, max_size=64
)
valid_orders = st.fixed_dictionaries(
    {
        "customer_id": valid_names,
        "product_id": valid_names,
        "quantity": st.integers(1, MAX_QUANTITY),
        "amount": st.integers(0, 10**9) | st.decimals(0, 10**9, places=2).map(float),
    },
    optional={"order_id": valid_names, "note": st.lists(valid_names | st.none() | st.booleans(), max_size=3)},
)
DAMAGE = [*(bytes([byte]) for byte in range(256)), b"\\", b'\\"', b"\\u0000", b"\\ud800", b"\\u0041", b"NaN", b"1e5",
          b"1e400", b"-0", b"00", b"01", b"0.", b".5", b"1.0", b"null", b"true", b"{", b"}", b"[", b"]", b",", b":",
          b'"', b'""', b"\n", b"\r", b" ", b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
          b'"quantity":2,', b'"customer_id":"d",', b'"order_id":"",', b'"x":{"x":[1,{"y":"z"}]},']  # fmt: skip


def ids() -> TimeOrderedIds:
    return TimeOrderedIds(lambda: 1_700_000_000_123_456_789, lambda count: bytes(range(count)))


def assert_same_records(orders: Any, decoded: DecodedBatch | None) -> None:
    """Both have accepted the orders, with the same result."""
    assert decoded is not None
    if orders.missing_ids:
        orders = orders.with_ids(ids().blocks(len(orders)))
    assert list(orders) == [row[1:] for row in rows(decoded)]
    assert orders.size == sum(len(value) for _, value, _ in orders)
    whole = AcceleratedBatch(orders, 3)
    assert rows(whole) == [(at + 3, *row[1:]) for at, row in enumerate(rows(decoded))]
    assert rows(whole[1:]) == rows(whole)[1:]
    assert whole.size >= orders.size
    for key, value, order_id in orders:
        order = decode_order(value)
        assert (order.customer_id, order.order_id) == (key, order_id)


def accepts_array(raw: bytes) -> bool:
    """Whether the accelerator accepts it; if so, Python must too."""
    import orderpipeline_accelerator as accelerator

    found = accelerator.read_array(raw, MAX_ORDERS, MAX_BYTES)
    if found is None:
        return False
    assert_same_records(found, bulk.read_array(raw, MAX_ORDERS, MAX_BYTES, ids()))
    return True


def accepts_lines(raw: bytes) -> bool:
    """The same for lines."""
    import orderpipeline_accelerator as accelerator

    found = accelerator.read_lines(raw, MAX_ORDERS, MAX_BYTES)
    if found is None:
        return False
    assert_same_records(found, bulk.read_lines(list(enumerate(raw[:-1].split(b"\n"))), MAX_BYTES, ids()))
    return True


def damaged(draw: Any, raw: bytes) -> bytes:
    """The text with a few bytes removed, repeated, or replaced by something that is often wrong."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(raw)))
        to = min(len(raw), at + draw(st.integers(0, 3)))
        raw = raw[:at] + draw(st.sampled_from(DAMAGE)) + raw[to:]
    return raw


@given(st.lists(valid_orders, min_size=1, max_size=MAX_ORDERS), st.sampled_from([None, 1]), st.booleans())
def test_valid_orders_are_accepted(batch: list[Any], indent: int | None, ascii_only: bool) -> None:
    bare = all(text.isascii() for order in batch for text in (order["customer_id"], order["product_id"]))
    raw = json.dumps(batch, indent=indent, ensure_ascii=ascii_only and bare).encode()
    if b"\\" not in raw:
        assert accepts_array(b" " + raw + b"\n")
        assert accepts_lines(b"".join(json.dumps(order, ensure_ascii=False).encode() + b" \r\n" for order in batch))


@given(st.lists(orders, max_size=3), st.sampled_from([None, 1]), st.booleans())
def test_any_orders(batch: list[Any], indent: int | None, ascii_only: bool) -> None:
    accepts_array(json.dumps(batch, indent=indent, ensure_ascii=ascii_only).encode())
    accepts_lines(b"".join(json.dumps(order, ensure_ascii=ascii_only).encode() + b"\n" for order in batch))


@settings(max_examples=400)
@given(st.lists(valid_orders, min_size=1, max_size=3), st.data())
def test_damaged_orders(batch: list[Any], data: Any) -> None:
    accepts_array(damaged(data.draw, json.dumps(batch, ensure_ascii=False).encode()))
    accepts_lines(
        damaged(data.draw, b"".join(json.dumps(order, ensure_ascii=False).encode() + b"\n" for order in batch))
    )


def each(**changes: Any) -> bytes:
    return json.dumps([{**VALID, **changes}], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("raw", "accepted"),
    [
        (each(), True),
        (each(customer_id="ü" * 128, product_id="€" * 128, order_id="😀" * 64), True),
        (each(customer_id="x" * 129), False),
        (each(order_id="😀" * 65), False),
        (each(quantity=MAX_QUANTITY), True),
        (each(quantity=MAX_QUANTITY + 1), False),
        (each(quantity=1.0), False),
        (each(amount=0), True),
        (each(amount=1e300), False),
        (each(note='say "hello"'), True),
        (each(note="\x00"), False),
        (each(note="x" * MAX_BYTES), False),
        (json.dumps([VALID] * MAX_ORDERS).encode(), True),
        (json.dumps([VALID] * (MAX_ORDERS + 1)).encode(), False),
        (b"[]", False),
        (each() + b"]", False),
        (b'[{"customer_id":"a","customer_id":"b","product_id":"p","quantity":1,"amount":1}]', False),
        (b'[{"customer\\u005fid":"a","product_id":"p","quantity":1,"amount":1}]', False),
    ],
)
def test_simple_orders_are_accepted_and_nothing_else(raw: bytes, accepted: bool) -> None:
    assert accepts_array(raw) is accepted


def test_deep_values_are_left_to_python() -> None:
    nested: Any = 0
    for _ in range(31):
        nested = [nested]
    assert accepts_array(each(note=nested))
    assert not accepts_array(each(note=[nested]))


def test_slices_have_their_index_and_ids() -> None:
    import orderpipeline_accelerator as accelerator

    raw = json.dumps([{**VALID, "customer_id": f"c{n}"} for n in range(5000)]).encode()
    found = accelerator.read_array(raw, 5000, MAX_BYTES)
    with pytest.raises(ValueError, match="no id"):
        found[0]
    with pytest.raises(ValueError, match="one for 4096"):
        found.with_ids(ids().blocks(4096))
    whole = found.with_ids(ids().blocks(5000))
    part = whole[4000:4200]
    assert (part.first_index, len(part), list(part)) == (4000, 200, list(whole)[4000:4200])
    assert [order_id for _, _, order_id in whole] == ids().many(0, [b""] * 5000)
    with pytest.raises(IndexError):
        whole[5000]
