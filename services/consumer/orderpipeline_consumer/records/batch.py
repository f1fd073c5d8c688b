"""Records as they come from Kafka: many of one partition at a time, made into objects only where that is needed."""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol, overload

from orderpipeline_common.order import Order
from orderpipeline_consumer.records.offsets import Run
from orderpipeline_consumer.records.record import Record


class Lot(Protocol):
    """Records of one partition whose offsets rise. Places count from 0; `end` is behind the last."""

    def __len__(self) -> int: ...

    def offset(self, place: int) -> int:
        """A record's offset."""

    def size(self, start: int, end: int) -> int:
        """Bytes that these records take in memory, about; those of parts add up to that of the whole."""

    def plain(self, start: int, end: int) -> bool:
        """Whether these are orders for sure."""

    def customers(self, start: int, end: int) -> Collection[str]:
        """Whose orders these are, each once. They must be plain."""

    def orders(self, start: int, end: int) -> Sequence[Order]:
        """The orders. They must be plain."""

    def array(self, start: int, end: int) -> bytes:
        """The values as one JSON array. They must be plain."""

    def timestamps(self, start: int, end: int) -> list[int]:
        """When each was placed, in Unix milliseconds; -1 where that is not known."""

    def records(self, start: int, end: int) -> list[Record]:
        """All that there is to know about each."""


class Part(Sequence[Record]):
    """A part of a lot. Its length costs nothing; the first look at a record makes all of them."""

    __slots__ = ("_end", "_lot", "_records", "_start", "run", "size")

    def __init__(self, lot: Lot, start: int, end: int, size: int | None = None) -> None:
        self._lot = lot
        self._start = start
        self._end = end
        self._records: list[Record] | None = None
        self.run = Run(lot.offset(start), end - start)
        self.size = lot.size(start, end) if size is None else size
        """Bytes in memory."""

    def cut(self, limit: int) -> "tuple[Part, Part | None]":
        """The first `limit` records, and the rest."""
        place = self._start + limit
        if place >= self._end:
            return self, None
        part = Part(self._lot, self._start, place)
        return part, Part(self._lot, place, self._end, self.size - part.size)

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return self._lot.offset(self._start)

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return self._lot.offset(self._end - 1)

    @property
    def plain(self) -> bool:
        """Whether each record is an order for sure."""
        return self._lot.plain(self._start, self._end)

    @property
    def orders(self) -> Sequence[Order]:
        """The orders; the part must be plain."""
        return self._lot.orders(self._start, self._end)

    @property
    def customers(self) -> Collection[str]:
        """Whose orders these are, each once; the part must be plain."""
        return self._lot.customers(self._start, self._end)

    @property
    def array(self) -> bytes:
        """The values as one JSON array; the part must be plain."""
        return self._lot.array(self._start, self._end)

    @property
    def offsets(self) -> list[int]:
        """Each record's offset."""
        return list(map(self._lot.offset, range(self._start, self._end)))

    @property
    def timestamps(self) -> list[int]:
        """When each was placed, in Unix milliseconds; -1 where that is not known."""
        return self._lot.timestamps(self._start, self._end)

    def _all(self) -> list[Record]:
        if self._records is None:
            self._records = self._lot.records(self._start, self._end)
        return self._records

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> Iterator[Record]:
        return iter(self._all())

    @overload
    def __getitem__(self, place: int) -> Record: ...

    @overload
    def __getitem__(self, place: slice) -> list[Record]: ...

    def __getitem__(self, place: int | slice) -> Record | list[Record]:
        return self._all()[place]
