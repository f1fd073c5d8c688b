"""Orders decoded many at a time are those decoded one by one, or none."""

from hypothesis import given
from hypothesis import strategies as st

from orderpipeline_common.order import Order, OrderError, decode_all, decode_order
from tests.unit.consumer.builders import ORDER, ORDER_WITHOUT_ID

pieces = st.sampled_from(
    [ORDER, ORDER_WITHOUT_ID, b"{", b"}", b"[", b"]", b",", b"\n", b" ", b"", b'"note":[', b'"amount":1}', b"\\u0000",
     b"\xff", ORDER[:-1] + b',"note":[{}', b"{}]}", ORDER.replace(b"c", "é".encode()), b'{"customer_id":"c\\u0000"}']
)  # fmt: skip
values = st.lists(pieces, max_size=4).map(b"".join)


def one(value: bytes) -> Order | None:
    try:
        return decode_order(value)
    except OrderError:
        return None


@given(st.lists(values | st.just(ORDER), min_size=1, max_size=6))
def test_no_value_becomes_an_order_through_its_neighbours(batch: list[bytes]) -> None:
    found = decode_all(batch)
    assert found is None or found == [one(value) for value in batch]


def test_two_orders_in_one_value_are_not_an_order() -> None:
    assert decode_all([ORDER + ORDER, ORDER[:-1] + b',"note":[', b"{}]}"]) is None
    assert decode_all([ORDER + ORDER, b""]) is None
    assert decode_all([ORDER[:-1] + b',"\xc3', b'\xa9":1}']) is None


def test_ordinary_orders_are_decoded_together() -> None:
    assert decode_all([ORDER] * 500) == [decode_order(ORDER)] * 500
    assert decode_all([ORDER, b"{}", ORDER]) is None
