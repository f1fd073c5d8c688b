"""Plain orders by the accelerator, when it is installed: read many at a time, without a Python object for each."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final, overload

import msgspec

from orderpipeline_producer.decoding.bulk import MAX_KEY
from orderpipeline_producer.decoding.one_by_one import RECORD_OVERHEAD, Record
from orderpipeline_producer.settings import Limits

if TYPE_CHECKING:
    from orderpipeline_accelerator import Orders

RECORD_BYTES: Final = MAX_KEY + RECORD_OVERHEAD


class Plain(msgspec.Struct, frozen=True, gc=False):
    """A part of a request in which all is well; a sequence of records, which are made only when asked for.

    `first` is the place in the request of the first order that was read with these.
    """

    orders: "Orders"
    first: int = 0

    @property
    def size(self) -> int:
        """Bytes that these orders hold until Kafka has acked them, at most."""
        return self.orders.size + len(self.orders) * RECORD_BYTES

    def __len__(self) -> int:
        return len(self.orders)

    def __iter__(self) -> Iterator[Record]:
        return map(self.__getitem__, range(len(self.orders)))

    def places(self) -> Iterable[tuple[int, str]]:
        """Of each order its place in the request and its order_id."""
        return enumerate(self.orders.ids(), self.first + self.orders.first)

    @overload
    def __getitem__(self, at: int) -> Record: ...

    @overload
    def __getitem__(self, at: slice) -> "Plain": ...

    def __getitem__(self, at: "int | slice") -> "Record | Plain":
        if isinstance(at, slice):
            return Plain(self.orders[at], self.first)
        key, value, order_id = self.orders[at]
        place = self.first + self.orders.first + range(len(self.orders))[at]
        return Record(place, key, value, order_id)


class PlainReader:
    """Reads plain orders; what it gives None for is for Python to read. `blocks` begins ids, see `Ids.blocks`."""

    def __init__(self, limits: Limits, blocks: Callable[[int], list[str]]) -> None:
        import orderpipeline_accelerator as native

        self._read_array = native.read_array
        self._read_lines = native.read_lines
        self._most = limits.batch_orders, limits.order_bytes
        self._blocks = blocks

    def array(self, raw: bytes) -> Plain | None:
        """The orders of a JSON array."""
        return self._minted(self._read_array(raw, *self._most), 0)

    def lines(self, raw: bytes, first: int) -> Plain | None:
        """The orders of lines that are not blank, each with its end; `first` is the place of the first of them."""
        return self._minted(self._read_lines(raw, *self._most), first)

    def _minted(self, orders: "Orders | None", first: int) -> Plain | None:
        if orders is None:
            return None
        return Plain(orders.minted_with(self._blocks(len(orders))) if orders.without_id else orders, first)
