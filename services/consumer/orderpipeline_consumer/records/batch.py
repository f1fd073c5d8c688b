"""Batches of records as they are fetched; Python objects for single records are made only where they are needed."""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol, overload

from orderpipeline_common.order import Order
from orderpipeline_consumer.records.offsets import InFlightRange
from orderpipeline_consumer.records.record import Record
from orderpipeline_consumer.records.topic_partition import TopicPartition


class FetchedBatch(Protocol):
    """Records of one partition in ascending order of their offsets. Methods take indexes: `start` is included, `end`
    is not."""

    @property
    def topic_partition(self) -> TopicPartition:
        """Where all of them come from."""

    @property
    def leader_epoch(self) -> int | None:
        """The leader epoch in which all of them were written; None if unknown."""

    def __len__(self) -> int: ...

    def offset(self, index: int) -> int:
        """The offset of one record."""

    def size(self, start: int, end: int) -> int:
        """Approximate bytes in memory; the sizes of slices add up to that of the whole."""

    def all_valid(self, start: int, end: int) -> bool:
        """Whether every record is known to be an order. False may also mean that this was not determined."""

    def ordering_keys(self, start: int, end: int) -> Collection[str]:
        """The customers of these orders, each once. Requires `all_valid`."""

    def orders(self, start: int, end: int) -> Sequence[Order]:
        """The orders. Requires `all_valid`."""

    def json_array(self, start: int, end: int) -> bytes:
        """The values as one JSON array. Requires `all_valid`."""

    def timestamps(self, start: int, end: int) -> list[int]:
        """When each order was placed, in Unix milliseconds; -1 if unknown."""

    def records(self, start: int, end: int) -> list[Record]:
        """Each record in full."""


Entry = FetchedBatch | int
"""A batch, or the end offset that its partition has after the batches before."""


class BatchSlice(Sequence[Record]):
    """A slice of a fetched batch. `len` is cheap; the first access to a record decodes all of them."""

    __slots__ = ("_batch", "_end", "_records", "_start", "complete", "in_flight", "size")

    def __init__(
        self, batch: FetchedBatch, start: int, end: int, size: int | None = None, *, complete: bool = False
    ) -> None:
        self._batch = batch
        self._start = start
        self._end = end
        self._records: list[Record] | None = None
        self.in_flight = InFlightRange(batch.offset(start), end - start, batch.offset(end - 1))
        self.complete = complete
        """Whether an earlier owner of the partition has handled them."""
        self.size = batch.size(start, end) if size is None else size
        """Approximate bytes in memory."""

    def split_at(self, count: int) -> "tuple[BatchSlice, BatchSlice | None]":
        """The first `count` records, and the rest if there is one."""
        index = self._start + count
        if index >= self._end:
            return self, None
        head = BatchSlice(self._batch, self._start, index)
        return head, BatchSlice(self._batch, index, self._end, self.size - head.size)

    @property
    def leader_epoch(self) -> int | None:
        """The leader epoch in which the records were written; None if unknown."""
        return self._batch.leader_epoch

    @property
    def first_offset(self) -> int:
        """The offset of the first record."""
        return self._batch.offset(self._start)

    @property
    def last_offset(self) -> int:
        """The offset of the last record."""
        return self._batch.offset(self._end - 1)

    @property
    def all_valid(self) -> bool:
        """Whether every record is known to be an order."""
        return self._batch.all_valid(self._start, self._end)

    @property
    def orders(self) -> Sequence[Order]:
        """The orders. Requires `all_valid`."""
        return self._batch.orders(self._start, self._end)

    @property
    def ordering_keys(self) -> Collection[str]:
        """The customers of the orders, each once. Requires `all_valid`."""
        return self._batch.ordering_keys(self._start, self._end)

    @property
    def json_array(self) -> bytes:
        """The values as one JSON array. Requires `all_valid`."""
        return self._batch.json_array(self._start, self._end)

    @property
    def offsets(self) -> list[int]:
        """The offset of each record."""
        return list(map(self._batch.offset, range(self._start, self._end)))

    @property
    def timestamps(self) -> list[int]:
        """When each order was placed, in Unix milliseconds; -1 if unknown."""
        return self._batch.timestamps(self._start, self._end)

    def _decoded(self) -> list[Record]:
        if self._records is None:
            self._records = self._batch.records(self._start, self._end)
        return self._records

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> Iterator[Record]:
        return iter(self._decoded())

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self._decoded()[index]
