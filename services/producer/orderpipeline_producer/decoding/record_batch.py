"""Valid orders as they are sent to Kafka: one, or many that were decoded together. Any client sends any of these."""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

RECORD_OVERHEAD: Final = 256
"""Bytes of memory that the client needs for a record in addition to its key and value, rounded up."""
MAX_KEY: Final = 128
"""Stands for the length of each key where adding them up is not worth the time."""


class RecordBatch(Protocol):
    """A sequence of valid orders, each with its index in the request, its Kafka key and value, and its order_id."""

    @property
    def size(self) -> int:
        """Upper bound of the bytes that the records need until Kafka has acknowledged them."""

    def __len__(self) -> int:
        """The number of records."""

    def __getitem__(self, part: slice, /) -> "RecordBatch":
        """Some consecutive records."""

    def entries(self) -> Iterable[tuple[str, bytes]]:
        """The key and the value of each record."""

    def places(self) -> Iterable[tuple[int, str]]:
        """The index in the request and the order_id of each record."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One order, which is a batch of one. `index` is its position in the request, from 0."""

    index: int
    key: str
    value: bytes
    order_id: str

    @property
    def size(self) -> int:
        """Bytes that the record needs until Kafka has acknowledged it."""
        return len(self.key) + len(self.value) + RECORD_OVERHEAD

    def __len__(self) -> int:
        return 1

    def __getitem__(self, part: slice) -> "DecodedBatch":
        return DecodedBatch([self.key], [self.value], [self.order_id], [self.index])[part]

    def entries(self) -> Iterable[tuple[str, bytes]]:
        """Its key and value."""
        return ((self.key, self.value),)

    def places(self) -> Iterable[tuple[int, str]]:
        """Its index in the request and its order_id."""
        return ((self.index, self.order_id),)


class DecodedBatch(msgspec.Struct, frozen=True, gc=False):
    """Many orders as parallel sequences, which are cheaper than an object for each."""

    keys: Sequence[str]
    values: Sequence[bytes]
    order_ids: Sequence[str]
    indexes: Sequence[int]

    @property
    def size(self) -> int:
        """Upper bound of the bytes that the records need until Kafka has acknowledged them."""
        return sum(map(len, self.values)) + len(self.values) * (MAX_KEY + RECORD_OVERHEAD)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, part: slice) -> "DecodedBatch":
        return DecodedBatch(self.keys[part], self.values[part], self.order_ids[part], self.indexes[part])

    def entries(self) -> Iterable[tuple[str, bytes]]:
        """The key and the value of each record."""
        return zip(self.keys, self.values, strict=True)

    def places(self) -> Iterable[tuple[int, str]]:
        """The index in the request and the order_id of each record."""
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
