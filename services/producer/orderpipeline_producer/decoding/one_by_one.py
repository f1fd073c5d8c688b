"""Bytes in, Kafka records or refusals out. Pure: ids, time and randomness come in by `Mint`."""

import re
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from orderpipeline_common.order import OrderError, decode_array, decode_order, with_order_id

Mint = Callable[[int], str]
"""Gives the id of the order at a place (0-based) in its request; asked only when the order has none."""

RECORD_OVERHEAD: Final = 256
"""Bytes that a record costs in memory besides its key and value: the client's own book-keeping, rounded up."""

SAFE_ELEMENTS: Final = 16
"""An array with this many times the allowed elements is still decoded, and refused after; one that may have more is
counted first, since a body of the smallest elements is some 50 times its size once decoded."""
COMMA: Final = ord(",")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


class Record(msgspec.Struct, frozen=True, gc=False):
    """One order on its way to Kafka. `index` is its place in the request, 0-based."""

    index: int
    key: str
    value: bytes
    order_id: str

    @property
    def size(self) -> int:
        """Bytes that the record holds until Kafka has acked it."""
        return len(self.key) + len(self.value) + RECORD_OVERHEAD


class Refusal(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One order that was not taken, with the status it would have got alone."""

    index: int
    status: int
    detail: str
    field: str = ""
    order_id: str = ""


def read_order(raw: bytes, index: int, max_bytes: int, mint: Mint) -> Record | Refusal:
    """One JSON object as a record; the value is the client's bytes, with an order_id added where there is none."""
    if len(raw) > max_bytes:
        return Refusal(index, 413, f"the order has {len(raw)} bytes; the most is {max_bytes}")
    try:
        order = decode_order(raw)
    except OrderError as error:
        return Refusal(index, 400 if error.malformed else 422, error.detail, error.field)
    if order.order_id:
        return Record(index, order.customer_id, raw, order.order_id)
    order_id = mint(index)
    return Record(index, order.customer_id, with_order_id(raw, order_id), order_id)


def read_orders(raws: Iterable[tuple[int, bytes]], max_bytes: int, mint: Mint) -> tuple[list[Record], list[Refusal]]:
    """Many orders, each with its place in the request."""
    records: list[Record] = []
    refusals: list[Refusal] = []
    for index, raw in raws:
        item = read_order(raw, index, max_bytes, mint)
        if type(item) is Record:
            records.append(item)
        else:
            refusals.append(item)  # type: ignore[arg-type]
    return records, refusals


def read_array(raw: bytes, max_orders: int) -> list[bytes]:
    """The elements of a JSON array. Raises OrderError when it is no array, has no element or too many."""
    if raw.count(b",") > SAFE_ELEMENTS * max_orders and _has_more(raw, max_orders):
        raise TooManyOrdersError(f"the batch has more than {max_orders} orders; split it")
    items = decode_array(raw)
    if not items:
        raise OrderError("the batch is empty; send at least one order")
    if len(items) > max_orders:
        raise TooManyOrdersError(f"the batch has {len(items)} orders; the most is {max_orders}: split it")
    return items


def _has_more(raw: bytes, most: int) -> bool:
    """Whether the array has more than `most` elements, told without making them."""
    depth, count = 0, 1
    for token in _TOKEN.finditer(raw):
        kind = raw[token.start()]
        if kind in b"[{":
            depth += 1
        elif kind in b"]}":
            depth -= 1
        elif kind == COMMA and depth == 1:
            count += 1
            if count > most:
                return True
    return False


class TooManyOrdersError(OrderError):
    """A batch with more orders than a request may have."""
