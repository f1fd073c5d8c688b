"""Bodies to records: an order, a JSON array or lines in, what goes to Kafka out, and what is refused and why.

A batch in which all is well is read in one go, by the accelerator or else by Python. What neither takes is read one
order at a time, so that each gets its own verdict. A batch comes in slices: the event loop stays free for others in
between.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from orderpipeline_producer.decoding import accelerated, bulk, one_by_one
from orderpipeline_producer.decoding.order_ids import OrderIds
from orderpipeline_producer.decoding.record_batch import Record, RecordBatch, Refused
from orderpipeline_producer.settings import Limits

SLICE_ORDERS: Final = 1000
"""Orders of a slice that was read in one go."""
SLICE_ONE_BY_ONE: Final = 500
"""Orders of a slice that may have to be read one by one."""


@dataclass(frozen=True)
class Decoder:
    """How bodies are read. Batches in which not all is well are None, to be read one order at a time."""

    order: Callable[[bytes, int, int, OrderIds], Record | Refused]
    """One order: its bytes, its place, the most bytes that it may have."""
    array: Callable[[bytes, int, int, OrderIds], RecordBatch | None]
    """A JSON array: its bytes, the most orders that it may have, the most bytes of each."""
    lines: Callable[[bytes, int, int, int, OrderIds], RecordBatch | None]
    """Lines that are not blank, each with its end: their bytes, the place of the first, and bounds as of an array."""


PYTHON: Final = Decoder(one_by_one.read_order, bulk.read_array, lambda raw, first, orders, most, ids: None)
"""Reads lines once they are cut."""
ACCELERATED: Final = Decoder(accelerated.read_order, accelerated.read_array, accelerated.read_lines)


class Slice(msgspec.Struct, frozen=True, gc=False):
    """Consecutive orders of a batch: those that are valid, and those that are refused. `count` is how many there were;
    after the `last` one, no more of the batch is accepted."""

    batch: RecordBatch
    refused: list[Refused]
    count: int
    last: bool = False


class OrderReader:
    """Reads bodies within limits."""

    def __init__(self, limits: Limits, decoder: Decoder) -> None:
        self.limits = limits
        self.decoder = decoder

    def order(self, raw: bytes, ids: OrderIds) -> Record | Refused:
        """One order."""
        return self.decoder.order(raw, 0, self.limits.order_bytes, ids)

    def array(self, raw: bytes, ids: OrderIds) -> Iterator[Slice] | Refused:
        """The orders of a JSON array; refused as a whole when it is none, has no element or too many."""
        limits = self.limits
        batch = self.decoder.array(raw, limits.batch_orders, limits.order_bytes, ids)
        if batch is not None:
            return in_slices(batch)
        items = one_by_one.read_elements(raw, limits.batch_orders)
        return items if isinstance(items, Refused) else self.items(list(enumerate(items)), ids)

    def items(self, items: list[tuple[int, bytes]], ids: OrderIds) -> Iterator[Slice]:
        """Single orders, each with its place."""
        most = self.limits.order_bytes
        for start in range(0, len(items), SLICE_ONE_BY_ONE):
            part = items[start : start + SLICE_ONE_BY_ONE]
            batch = bulk.read_lines(part, most, ids)
            if batch is not None:
                yield Slice(batch, [], len(part))
            else:
                yield Slice(*one_by_one.read_orders(part, most, ids), len(part))


def in_slices(batch: RecordBatch) -> Iterator[Slice]:
    """The batch in slices."""
    if len(batch) <= SLICE_ORDERS:
        yield Slice(batch, [], len(batch))
        return
    for start in range(0, len(batch), SLICE_ORDERS):
        part = batch[start : start + SLICE_ORDERS]
        yield Slice(part, [], len(part))
