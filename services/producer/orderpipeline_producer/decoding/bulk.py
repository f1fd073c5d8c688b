"""A batch in which all is well, decoded in one go: parallel lists instead of a record for each order."""

from collections.abc import Callable, Iterator
from typing import Final, overload

import msgspec

from orderpipeline_common.order import Order, decode_order, decode_orders
from orderpipeline_producer.decoding.ndjson import BLANK
from orderpipeline_producer.decoding.one_by_one import RECORD_OVERHEAD, SAFE_ELEMENTS, Record

MAX_KEY: Final = 128
SMALLEST: Final = 60
"""Bytes of the smallest order."""


class Bulk(msgspec.Struct, frozen=True, gc=False):
    """Orders and the bytes that go to Kafka for each; a sequence of records, which are made only when asked for.

    `first` is the place of the first order in the request.
    """

    orders: list[Order]
    values: list[bytes]
    first: int = 0

    @property
    def size(self) -> int:
        """Bytes that these orders hold until Kafka has acked them, at most."""
        return sum(map(len, self.values)) + len(self.values) * (MAX_KEY + RECORD_OVERHEAD)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Record]:
        for index, (order, value) in enumerate(zip(self.orders, self.values, strict=True), self.first):
            yield Record(index, order.customer_id, value, decode_order(value).order_id)

    @overload
    def __getitem__(self, at: int) -> Record: ...

    @overload
    def __getitem__(self, at: slice) -> "Bulk": ...

    def __getitem__(self, at: "int | slice") -> "Record | Bulk":
        if isinstance(at, slice):
            begin = at.indices(len(self.values))[0]
            return Bulk(self.orders[at], self.values[at], self.first + begin)
        value = self.values[at]
        place = self.first + range(len(self.values))[at]
        return Record(place, self.orders[at].customer_id, value, decode_order(value).order_id)


def read_bulk(raw: bytes, max_orders: int, max_bytes: int, mint: Callable[[int], list[str]]) -> Bulk | None:
    """The orders of a JSON array; None when anything in it is not as it should be, to be looked at one by one.

    `mint` gives that many ids; it is asked only when the orders have none.
    """
    if raw.count(b"{", 0, len(raw) if len(raw) > SMALLEST * max_orders else 0) > max_orders * SAFE_ELEMENTS:
        return None  # so many orders would fill the memory before they could be counted
    found = decode_orders(raw)
    if found is None:
        return None
    return _bulk(*found, max_orders, max_bytes, mint)


def lines_bulk(lines: list[tuple[int, bytes]], max_bytes: int, mint: Callable[[int], str]) -> Bulk | None:
    """The orders of consecutive lines, each with its place; None when they are to be looked at one by one.

    `mint` gives the id of the order at a place; it is asked only when the orders have none.
    """
    first = lines[0][0] if lines else 0
    if not lines or lines[-1][0] - first != len(lines) - 1:
        return None
    bare = [line.strip(BLANK) for _, line in lines]
    found = decode_orders(b"[" + b",".join(bare) + b"]")
    # Lines that are no JSON each could still be an array together.
    if found is None or found[1] != bare or max(len(line) for _, line in lines) > max_bytes:
        return None
    bulk = _bulk(*found, len(bare), max_bytes, lambda count: [mint(first + index) for index in range(count)])
    return None if bulk is None else Bulk(bulk.orders, bulk.values, first)


def _bulk(
    orders: list[Order], values: list[bytes], max_orders: int, max_bytes: int, mint: Callable[[int], list[str]]
) -> Bulk | None:
    if not 0 < len(orders) <= max_orders or max(map(len, values)) > max_bytes:
        return None
    without = [not order.order_id for order in orders]
    if not any(without):
        return Bulk(orders, values)
    ids = mint(len(orders))
    if all(without):
        return Bulk(orders, [b'{"order_id":"%b",%b' % (i.encode(), v[1:]) for i, v in zip(ids, values, strict=True)])
    filled = zip(without, ids, values, strict=True)
    return Bulk(orders, [b'{"order_id":"%b",%b' % (i.encode(), v[1:]) if new else v for new, i, v in filled])
