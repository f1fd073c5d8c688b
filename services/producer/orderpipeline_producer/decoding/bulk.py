"""Decodes many orders at once, if all of them are valid."""

from typing import Final

from orderpipeline_common.order import Order, decode_orders
from orderpipeline_producer.decoding.elements import SAFE_ELEMENTS
from orderpipeline_producer.decoding.order_ids import OrderIds
from orderpipeline_producer.decoding.record_batch import DecodedBatch

BLANK: Final = b" \t\r"
"""White space other than the end of a line."""
SMALLEST: Final = 60
"""Bytes of the smallest possible order."""


def read_array(raw: bytes, max_orders: int, max_bytes: int, ids: OrderIds) -> DecodedBatch | None:
    """The orders of a JSON array; None if any of them may be invalid, so that they have to be decoded one by one."""
    if raw.count(b"{", 0, len(raw) if len(raw) > SMALLEST * max_orders else 0) > max_orders * SAFE_ELEMENTS:
        return None  # so many orders would fill the memory before they were counted
    found = decode_orders(raw)
    if found is None or not 0 < len(found[0]) <= max_orders:
        return None
    return _batch(*found, 0, max_bytes, ids)


def read_lines(lines: list[tuple[int, bytes]], max_bytes: int, ids: OrderIds) -> DecodedBatch | None:
    """The orders of consecutive lines, each with its index; None if they have to be decoded one by one."""
    first = lines[0][0] if lines else 0
    if not lines or lines[-1][0] - first != len(lines) - 1:
        return None
    bare = [line.strip(BLANK) for _, line in lines]
    found = decode_orders(b"[" + b",".join(bare) + b"]")
    # Lines that are not JSON on their own may still be an array together.
    if found is None or found[1] != bare or max(len(line) for _, line in lines) > max_bytes:
        return None
    return _batch(*found, first, max_bytes, ids)


def _batch(orders: list[Order], values: list[bytes], first: int, max_bytes: int, ids: OrderIds) -> DecodedBatch | None:
    if max(map(len, values)) > max_bytes:
        return None
    keys = [order.customer_id for order in orders]
    own = [order.order_id for order in orders]
    indexes = range(first, first + len(orders))
    if "" not in own:
        return DecodedBatch(keys, values, own, indexes)
    made = ids.many(first, values)
    with_ids = [b'{"order_id":"%b",%b' % (new.encode(), value[1:]) for new, value in zip(made, values, strict=True)]
    if not any(own):
        return DecodedBatch(keys, with_ids, made, indexes)
    mixed = [one if had else other for had, one, other in zip(own, values, with_ids, strict=True)]
    return DecodedBatch(keys, mixed, [had or new for had, new in zip(own, made, strict=True)], indexes)
