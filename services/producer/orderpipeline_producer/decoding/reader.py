"""From the body of a request to records for Kafka and refused orders.

A batch is decoded at once if all of its orders are valid, by the accelerator or by Python; otherwise one order at a
time, so that each is accepted or refused on its own. It is returned in slices, which leave the event loop to others in
between.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from orderpipeline_producer.decoding import accelerated, bulk, one_by_one
from orderpipeline_producer.decoding.elements import AT_ONCE_BYTES, read_elements
from orderpipeline_producer.decoding.order_ids import OrderIds
from orderpipeline_producer.decoding.record_batch import Record, RecordBatch, Refused
from orderpipeline_producer.settings import Limits

SLICE_ORDERS: Final = 1000
"""Orders in a slice of a batch that was decoded at once."""
SLICE_ONE_BY_ONE: Final = 500
"""Orders in a slice that may have to be decoded one by one."""
SLICE_BYTES: Final = 128 * 1024
"""Bytes of such a slice, unless a single order has more."""


@dataclass(frozen=True)
class Decoder:
    """Functions that decode bodies. For a batch, None means that its orders have to be decoded one by one."""

    order: Callable[[bytes, int, int, OrderIds], Record | Refused]
    """Decodes one order: (bytes, index, limit of bytes, ids)."""
    array: Callable[[bytes, int, int, OrderIds], RecordBatch | None]
    """Decodes a JSON array: (bytes, limit of orders, limit of bytes per order, ids)."""
    lines: Callable[[bytes, int, int, int, OrderIds], RecordBatch | None]
    """Decodes whole lines: (bytes, index of the first, limit of orders, limit of bytes per order, ids)."""
    at_once_bytes: int
    """The longest array that is decoded in one turn of the event loop, which takes some 20 ms."""


PYTHON: Final = Decoder(
    one_by_one.read_order, bulk.read_array, lambda raw, first, max_orders, max_bytes, ids: None, AT_ONCE_BYTES
)
"""Decodes lines only after they were split."""
ACCELERATED: Final = Decoder(
    accelerated.read_order, accelerated.read_array, accelerated.read_lines, accelerated.AT_ONCE_BYTES
)


class Slice(msgspec.Struct, frozen=True, gc=False):
    """Consecutive orders of a batch, `count` in total: the valid ones and the refused ones. After the `last` slice, no
    more of the batch is accepted."""

    batch: RecordBatch
    refused: list[Refused]
    count: int
    last: bool = False


class OrderReader:
    """Decodes bodies within limits."""

    def __init__(self, limits: Limits, decoder: Decoder) -> None:
        self.limits = limits
        self.decoder = decoder

    def order(self, raw: bytes, ids: OrderIds) -> Record | Refused:
        """One order."""
        return self.decoder.order(raw, 0, self.limits.order_bytes, ids)

    def array(self, raw: bytes, ids: OrderIds) -> Iterator[Slice | None]:
        """The orders of a JSON array; None for a pause. If it is not an array, is empty, or has too many elements,
        raises Problem 400, 413 or 422 before the first slice.
        """
        limits = self.limits
        decode = self.decoder.array if len(raw) <= self.decoder.at_once_bytes else None
        batch = decode(raw, limits.batch_orders, limits.order_bytes, ids) if decode else None
        if batch is not None:
            yield from in_slices(batch)
            return
        items = yield from read_elements(raw, limits.batch_orders)
        yield from self.items(list(enumerate(items)), ids)

    def items(self, items: list[tuple[int, bytes]], ids: OrderIds) -> Iterator[Slice]:
        """Orders that are already separate, each with its index."""
        max_bytes = self.limits.order_bytes
        for part in _parts(items):
            batch = bulk.read_lines(part, max_bytes, ids)
            if batch is not None:
                yield Slice(batch, [], len(part))
            else:
                yield Slice(*one_by_one.read_orders(part, max_bytes, ids), len(part))


def _parts(items: list[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    start = 0
    while start < len(items):
        end, size = start, 0
        while end < len(items) and end - start < SLICE_ONE_BY_ONE and size < SLICE_BYTES:
            size += len(items[end][1])
            end += 1
        yield items[start:end]
        start = end


def in_slices(batch: RecordBatch) -> Iterator[Slice]:
    """The batch in slices."""
    if len(batch) <= SLICE_ORDERS:
        yield Slice(batch, [], len(batch))
        return
    for start in range(0, len(batch), SLICE_ORDERS):
        part = batch[start : start + SLICE_ORDERS]
        yield Slice(part, [], len(part))
