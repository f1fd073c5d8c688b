"""Orders on their way to Kafka: one, or many that were read together. Both Kafka clients send any `RecordBatch`."""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

RECORD_OVERHEAD: Final = 256
"""Bytes that a record costs in memory besides its key and value: the client's own book-keeping, rounded up."""
MAX_KEY: Final = 128
"""Stands for the length of each key where adding them up would cost more than it tells."""


class RecordBatch(Protocol):
    """A sequence of valid orders, each with its place in the request, its Kafka key and value, and its order_id."""

    @property
    def size(self) -> int:
        """Bytes that the records hold until Kafka has acknowledged them, at most."""

    def __len__(self) -> int:
        """How many records."""

    def __getitem__(self, part: slice, /) -> "RecordBatch":
        """Some consecutive records."""

    def entries(self) -> Iterable[tuple[str, bytes]]:
        """Of each record its key and value."""

    def places(self) -> Iterable[tuple[int, str]]:
        """Of each record its place in the request and its order_id."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One order; itself a batch of one. `index` is its place in the request, 0-based."""

    index: int
    key: str
    value: bytes
    order_id: str

    @property
    def size(self) -> int:
        """Bytes that the record holds until Kafka has acknowledged it."""
        return len(self.key) + len(self.value) + RECORD_OVERHEAD

    def __len__(self) -> int:
        return 1

    def __getitem__(self, part: slice) -> "DecodedBatch":
        return DecodedBatch([self.key], [self.value], [self.order_id], [self.index])[part]

    def entries(self) -> Iterable[tuple[str, bytes]]:
        """Its key and value."""
        return ((self.key, self.value),)

    def places(self) -> Iterable[tuple[int, str]]:
        """Its place in the request and its order_id."""
        return ((self.index, self.order_id),)


class DecodedBatch(msgspec.Struct, frozen=True, gc=False):
    """Many orders as parallel lists, which cost less than an object for each."""

    keys: Sequence[str]
    values: Sequence[bytes]
    order_ids: Sequence[str]
    indexes: Sequence[int]

    @property
    def size(self) -> int:
        """Bytes that the records hold until Kafka has acknowledged them, at most."""
        return sum(map(len, self.values)) + len(self.values) * (MAX_KEY + RECORD_OVERHEAD)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, part: slice) -> "DecodedBatch":
        return DecodedBatch(self.keys[part], self.values[part], self.order_ids[part], self.indexes[part])

    def entries(self) -> Iterable[tuple[str, bytes]]:
        """Of each record its key and value."""
        return zip(self.keys, self.values, strict=True)

    def places(self) -> Iterable[tuple[int, str]]:
        """Of each record its place in the request and its order_id."""
        return zip(self.indexes, self.order_ids, strict=True)


NOTHING: Final = DecodedBatch((), (), (), ())
"""A batch without records."""


class Refused(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An order that is not accepted, with the status that it would get alone; one of `failed` in a batch's reply."""

    index: int
    status: int
    detail: str
    field: str = ""
    order_id: str = ""
