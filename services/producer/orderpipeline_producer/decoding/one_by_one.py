"""Decodes orders one at a time, so that each is accepted or refused on its own. Pure: `OrderIds` supplies ids."""

import re
from collections.abc import Iterable
from typing import Final

from orderpipeline_common.order import OrderError, decode_array, decode_order, with_order_id
from orderpipeline_producer.decoding.order_ids import OrderIds
from orderpipeline_producer.decoding.record_batch import DecodedBatch, Record, Refused
from orderpipeline_producer.web import problems

SAFE_ELEMENTS: Final = 16
"""An array of up to this many times the allowed elements is decoded and then refused. One that may have more is counted
first, since a body of tiny elements is about 50 times its size once decoded."""
COMMA: Final = ord(",")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


def read_order(raw: bytes, index: int, max_bytes: int, ids: OrderIds) -> Record | Refused:
    """One JSON object as a record. The value is the client's bytes, with an order_id added if there is none."""
    if len(raw) > max_bytes:
        return Refused(index, 413, problems.order_too_large(len(raw), max_bytes))
    try:
        order = decode_order(raw)
    except OrderError as error:
        return Refused(index, 400 if error.malformed else 422, error.detail, error.field)
    if order.order_id:
        return Record(index, order.customer_id, raw, order.order_id)
    order_id = ids.at(index)
    return Record(index, order.customer_id, with_order_id(raw, order_id), order_id)


def read_orders(raws: Iterable[tuple[int, bytes]], max_bytes: int, ids: OrderIds) -> tuple[DecodedBatch, list[Refused]]:
    """Many orders, each with its index in the request: the valid ones and the refused ones."""
    records: list[Record] = []
    refused: list[Refused] = []
    for index, raw in raws:
        found = read_order(raw, index, max_bytes, ids)
        if isinstance(found, Record):
            records.append(found)
        else:
            refused.append(found)
    batch = DecodedBatch(
        [each.key for each in records],
        [each.value for each in records],
        [each.order_id for each in records],
        [each.index for each in records],
    )
    return batch, refused


def read_elements(raw: bytes, max_orders: int) -> list[bytes] | Refused:
    """The elements of a JSON array; refused if it is not an array, is empty, or has too many elements."""
    if raw.count(b",") > SAFE_ELEMENTS * max_orders and _has_more(raw, max_orders):
        return Refused(0, 413, problems.more_orders_than(max_orders))
    try:
        items = decode_array(raw)
    except OrderError as error:
        return Refused(0, 400 if error.malformed else 422, error.detail, error.field)
    if not items:
        return Refused(0, 422, problems.EMPTY_BATCH)
    if len(items) > max_orders:
        return Refused(0, 413, problems.too_many_orders(len(items), max_orders))
    return items


def _has_more(raw: bytes, limit: int) -> bool:
    """Whether the array has more than `limit` elements, without creating them."""
    depth, count = 0, 1
    for token in _TOKEN.finditer(raw):
        kind = raw[token.start()]
        if kind in b"[{":
            depth += 1
        elif kind in b"]}":
            depth -= 1
        elif kind == COMMA and depth == 1:
            count += 1
            if count > limit:
                return True
    return False
