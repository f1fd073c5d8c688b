"""Decodes orders with the accelerator, without a Python object for each. It accepts simple orders only; Python decodes
the others.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from orderpipeline_common.order import with_order_id
from orderpipeline_producer.decoding import bulk, elements, one_by_one
from orderpipeline_producer.decoding.order_ids import OrderIds
from orderpipeline_producer.decoding.record_batch import MAX_KEY, RECORD_OVERHEAD, Record, RecordBatch, Refused

if TYPE_CHECKING:
    from orderpipeline_accelerator import Orders


AT_ONCE_BYTES: Final = 32 * 1024 * 1024
"""Longest array that is decoded in one turn of the event loop, which takes some 20 ms."""


class AcceleratedBatch(msgspec.Struct, frozen=True, gc=False):
    """Orders that were decoded together, or a part of them. `first` is the index of the first in the request."""

    orders: "Orders"
    first: int = 0

    @property
    def size(self) -> int:
        """Upper bound of the bytes that the records need until Kafka has acknowledged them."""
        return self.orders.size + len(self.orders) * (MAX_KEY + RECORD_OVERHEAD)

    def __len__(self) -> int:
        return len(self.orders)

    def __getitem__(self, part: slice) -> "AcceleratedBatch":
        return AcceleratedBatch(self.orders[part], self.first)

    def entries(self) -> Iterable[tuple[str, bytes]]:
        """The key and the value of each record."""
        return (self.orders[at][:2] for at in range(len(self.orders)))

    def places(self) -> Iterable[tuple[int, str]]:
        """The index in the request and the order_id of each record."""
        return enumerate(self.orders.ids(), self.first + self.orders.first_index)


def read_order(raw: bytes, index: int, max_bytes: int, ids: OrderIds) -> Record | Refused:
    """One order, decoded by Python unless it is simple."""
    import orderpipeline_accelerator as accelerator

    found = accelerator.read_order(raw) if len(raw) <= max_bytes else None
    if found is None:
        return one_by_one.read_order(raw, index, max_bytes, ids)
    customer_id, order_id = found
    if order_id:
        return Record(index, customer_id, raw, order_id)
    order_id = ids.at(index, raw)
    return Record(index, customer_id, with_order_id(raw, order_id), order_id)


def read_array(raw: bytes, max_orders: int, max_bytes: int, ids: OrderIds) -> RecordBatch | None:
    """The orders of a JSON array, decoded by Python unless all of them are simple, or it is too long for that."""
    import orderpipeline_accelerator as accelerator

    batch = _with_ids(accelerator.read_array(raw, max_orders, max_bytes), 0, ids)
    if batch is None and len(raw) <= elements.AT_ONCE_BYTES:
        return bulk.read_array(raw, max_orders, max_bytes, ids)
    return batch


def read_lines(raw: bytes, first: int, max_orders: int, max_bytes: int, ids: OrderIds) -> AcceleratedBatch | None:
    """The orders of whole lines, none of them blank; `first` is the index of the first. None unless all are simple."""
    import orderpipeline_accelerator as accelerator

    return _with_ids(accelerator.read_lines(raw, max_orders, max_bytes), first, ids)


def _with_ids(orders: "Orders | None", first: int, ids: OrderIds) -> AcceleratedBatch | None:
    if orders is not None and orders.missing_ids:
        blocks = ids.blocks(len(orders))
        orders = orders.with_ids(blocks) if blocks else None
    return None if orders is None else AcceleratedBatch(orders, first)
