"""Records and lots of them for the consumer's unit tests."""

from collections.abc import Collection, Sequence
from itertools import pairwise

from orderpipeline_common.order import Order
from orderpipeline_consumer.records.batch import Lot
from orderpipeline_consumer.records.record import Record


def record(offset: int, customer: str = "c", *, product: str = "p", poison: bool = False, partition: int = 0) -> Record:
    """A record at `offset`; poison has no order in it."""
    order = None if poison else Order(customer, product, 1, 1.5, f"o{offset}")
    value = b"?" if poison else b'{"amount":1.5}'
    return Record(partition, offset, 1000 + offset, customer.encode(), value, (), order, "bad" if poison else "")


class RecordLot:
    """A lot of records that are there already."""

    def __init__(self, records: Sequence[Record]) -> None:
        assert all(one.offset < other.offset for one, other in pairwise(records))
        self._records = list(records)

    def __len__(self) -> int:
        return len(self._records)

    def offset(self, place: int) -> int:
        return self._records[place].offset

    def size(self, start: int, end: int) -> int:
        return sum(one.size // 2 for one in self._records[start:end])

    def plain(self, start: int, end: int) -> bool:
        return all(one.order is not None for one in self._records[start:end])

    def customers(self, start: int, end: int) -> Collection[str]:
        return {one.lane for one in self._records[start:end]}

    def orders(self, start: int, end: int) -> Sequence[Order]:
        return [one.order for one in self._records[start:end] if one.order is not None]

    def array(self, start: int, end: int) -> bytes:
        return b"[" + b",".join(one.value or b"" for one in self._records[start:end]) + b"]"

    def timestamps(self, start: int, end: int) -> list[int]:
        return [one.timestamp for one in self._records[start:end]]

    def records(self, start: int, end: int) -> list[Record]:
        return self._records[start:end]


def lots(*entries: Record | int) -> list[Lot | int]:
    """The entries as the engine gets them."""
    found: list[Lot | int] = []
    records: list[Record] = []
    for entry in [*entries, -1]:
        if not isinstance(entry, int):
            records.append(entry)
            continue
        if records:
            found.append(RecordLot(records))
            records = []
        if entry >= 0:
            found.append(entry)
    return found
