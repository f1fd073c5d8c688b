"""The order: what is one, what isn't and why, and how it gets an id."""

import json
import re
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_common import order as order_module
from orderpipeline_common.order import (
    MAX_DEPTH,
    MAX_QUANTITY,
    Order,
    OrderError,
    decode_array,
    decode_order,
    keyed_id,
    uuid7,
    with_order_id,
)

GOOD: dict[str, Any] = {"customer_id": "c", "product_id": "p", "quantity": 1, "amount": 1.5}
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=128)
orders = st.fixed_dictionaries(
    {
        "customer_id": names,
        "product_id": names,
        "quantity": st.integers(1, MAX_QUANTITY),
        "amount": st.floats(0, allow_nan=False, allow_infinity=False) | st.integers(0, 10**300),
    }
)


def encoded(**changes: Any) -> bytes:
    return json.dumps({key: value for key, value in {**GOOD, **changes}.items() if value is not ...}).encode()


BAD_FIELDS: list[tuple[bytes, str]] = [
    (encoded(customer_id=...), "customer_id"),
    (encoded(customer_id=""), "customer_id"),
    (encoded(customer_id="x" * 129), "customer_id"),
    (encoded(customer_id=7), "customer_id"),
    (encoded(customer_id=None), "customer_id"),
    (encoded(customer_id="a\0b"), "customer_id"),
    (encoded(product_id=...), "product_id"),
    (encoded(product_id=["p"]), "product_id"),
    (encoded(product_id="\0"), "product_id"),
    (encoded(quantity=...), "quantity"),
    (encoded(quantity=0), "quantity"),
    (encoded(quantity=-1), "quantity"),
    (encoded(quantity=1.5), "quantity"),
    (encoded(quantity="1"), "quantity"),
    (encoded(quantity=True), "quantity"),
    (encoded(quantity=MAX_QUANTITY + 1), "quantity"),
    (encoded(quantity=10**4000), "quantity"),
    (encoded(amount=...), "amount"),
    (encoded(amount=-0.01), "amount"),
    (encoded(amount="1"), "amount"),
    (encoded(amount=None), "amount"),
    (encoded().replace(b"1.5", b"1e999"), "amount"),
    (encoded(order_id=None), "order_id"),
    (encoded(order_id=""), "order_id"),
    (encoded(order_id="x" * 65), "order_id"),
    (encoded(order_id=1), "order_id"),
    (encoded(order_id="\0"), "order_id"),
]


@pytest.mark.parametrize(("raw", "field"), BAD_FIELDS)
def test_an_invalid_field_is_named_with_its_rule(raw: bytes, field: str) -> None:
    with pytest.raises(OrderError) as caught:
        decode_order(raw)
    assert caught.value.field == field
    assert not caught.value.malformed
    assert caught.value.detail.startswith(field)


MALFORMED = [
    b"",
    b"{",
    b"nonsense",
    encoded() + b"x",
    encoded()[:-1] + b",}",
    encoded().replace(b"1.5", b"NaN"),
    encoded().replace(b"1.5", b"Infinity"),
    encoded().replace(b"1.5", b"01"),
    encoded(customer_id="xyz").replace(b"xyz", b"\xff"),
    encoded(note="xyz").replace(b"xyz", b"\xff\xfe"),
    encoded(note="xyz").replace(b"note", b"\xc3("),
    encoded(note="xyz").replace(b"xyz", b"\\ud800"),
    encoded(note="xyz").replace(b"xyz", b"a\x01b"),
    b"\xef\xbb\xbf" + encoded(),
    encoded().decode().encode("utf-16"),
    b'{"customer_id": 1, nonsense',
]


@pytest.mark.parametrize("raw", MALFORMED)
def test_what_is_not_json_is_malformed(raw: bytes) -> None:
    with pytest.raises(OrderError) as caught:
        decode_order(raw)
    assert caught.value.malformed


@pytest.mark.parametrize("raw", [b"[]", b"null", b"1", b'"x"', b"true", b"[" + encoded() + b"]"])
def test_json_that_is_not_an_object_is_not_an_order(raw: bytes) -> None:
    with pytest.raises(OrderError, match="expected one JSON object") as caught:
        decode_order(raw)
    assert not caught.value.malformed


@pytest.mark.parametrize("depth", [MAX_DEPTH, 1000, 200_000])
@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_refused(depth: int, pair: tuple[bytes, bytes]) -> None:
    nested = pair[0] * depth + b"1" + pair[1] * depth
    with pytest.raises(OrderError, match="nested deeper"):
        decode_order(encoded()[:-1] + b',"x":' + nested + b"}")
    if depth > MAX_DEPTH:
        with pytest.raises(OrderError, match="nested deeper"):
            decode_order(nested) if pair[0] != b"[" else decode_array(b"[" * 200_000)


@given(st.lists(st.sampled_from([b'"', b"\\", b'\\"', b"x", b"[", b"\n"]), max_size=30).map(b"".join))
def test_brackets_are_counted_without_looking_for_a_string_twice(raw: bytes) -> None:
    left = order_module._STRING.sub(b"", raw)
    assert b'"' not in left, "no quotation mark is tried as a beginning in vain"
    closed = re.sub(rb'"([^"\\]|\\.)*"', b"", raw, flags=re.DOTALL)
    if b'"' not in closed:
        assert left == closed


def test_nesting_below_the_limit_and_brackets_in_strings_are_accepted() -> None:
    nested = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    assert decode_order(encoded()[:-1] + b',"x":' + nested + b"}").customer_id == "c"
    assert decode_order(encoded(note='[{\\"' * 1000)).customer_id == "c"


def test_unknown_fields_are_accepted_and_the_last_duplicate_counts() -> None:
    assert decode_order(encoded(note={"a": [1, None]})) == Order("c", "p", 1, 1.5)
    assert decode_order(encoded()[:-1] + b',"customer_id":"d"}').customer_id == "d"
    assert decode_order(encoded(note="\\u0000")) == Order("c", "p", 1, 1.5)


@given(orders)
def test_every_order_can_be_read_back(order: dict[str, Any]) -> None:
    for ascii_only in (True, False):
        got = decode_order(json.dumps(order, ensure_ascii=ascii_only).encode())
        assert [got.customer_id, got.product_id, got.quantity] == [
            order[k] for k in ("customer_id", "product_id", "quantity")
        ]
        assert got.amount == float(order["amount"])
        assert got.order_id == ""


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(msgspec.json.encode)
)
def test_any_bytes_are_an_order_or_an_order_error(raw: bytes) -> None:
    details: list[str] = []
    for decode in (decode_order, decode_array):
        try:
            decode(raw)
        except OrderError as error:
            details.append(error.detail)
    assert all(details)


@given(orders, st.text("0123456789abcdef-", min_size=1, max_size=64), st.sampled_from([b"", b" ", b"\n\t "]))
def test_an_added_order_id_changes_nothing_else(order: dict[str, Any], order_id: str, blank: bytes) -> None:
    raw = blank + json.dumps(order).encode() + blank
    with_id = with_order_id(raw, order_id)
    assert json.loads(with_id) == {**order, "order_id": order_id}
    assert decode_order(with_id).order_id == order_id
    assert with_id.endswith(raw.lstrip()[1:])


@given(st.lists(orders, max_size=5))
def test_an_array_is_split_into_the_bytes_of_its_elements(items: list[dict[str, Any]]) -> None:
    assert [json.loads(raw) for raw in decode_array(json.dumps(items).encode())] == items


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_uuid7_has_time_version_and_randomness(now_ms: int, random: bytes) -> None:
    made = uuid.UUID(uuid7(now_ms, random))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == now_ms
    bits = int.from_bytes(random, "big") & (1 << 74) - 1
    assert (made.int >> 64 & 0xFFF) << 62 | made.int & (1 << 62) - 1 == bits
    assert str(made) == uuid7(now_ms, random)


def test_uuid7_sorts_by_time_and_needs_ten_bytes() -> None:
    assert uuid7(1, b"\xff" * 10) < uuid7(2, b"\0" * 10)
    with pytest.raises(ValueError, match="10 random bytes"):
        uuid7(1, b"\0" * 9)


def test_keyed_ids_differ_by_client_key_and_order() -> None:
    one, other = "0" * 64, "0" * 63 + "1"
    ids = [keyed_id("a", "k", one), keyed_id("b", "k", one), keyed_id("a", "k", other), keyed_id("a", "k", one, 1)]
    ids += [keyed_id("a", "k0", one), keyed_id("ab", "c", one), keyed_id("a", "bc", one), keyed_id("", "abc", one)]
    assert len(set(ids)) == len(ids)
    assert keyed_id("a", "k", one, 1) == ids[3]
    assert len(ids[0]) == 36
