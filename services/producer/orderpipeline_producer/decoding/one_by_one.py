"""Decodes orders one at a time, so that each is accepted or refused on its own. Pure: `OrderIds` supplies ids."""

from collections.abc import Iterable

from orderpipeline_common.order import OrderError, decode_order, with_order_id
from orderpipeline_producer.decoding.order_ids import OrderIds
from orderpipeline_producer.decoding.record_batch import DecodedBatch, Record, Refused
from orderpipeline_producer.web import problems


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
    order_id = ids.at(index, raw)
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
