"""Reads orders from the files of a partition's log, as a broker that is dead or has deleted them leaves them behind.

Batches have format 2 and are not compressed: the pipeline of the ledger is set so.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.e2e.ledger.verdict import LogRecord, Place

_PREFIX: Final = struct.Struct(">qi")
"""A batch's first offset, and its length without this prefix."""
_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
"""A batch's header: first offset, length, leader epoch, format, checksum, attributes, ..., number of records."""
_COMPRESSION: Final = 0x07
_CONTROL: Final = 0x20


class StoredBatch(NamedTuple):
    """Bytes `start` to `end` of a segment."""

    start: int
    end: int
    data: bytes


def batches(segment: bytes) -> Iterator[StoredBatch]:
    """The complete batches of a segment; what follows them is what a crash left of one more."""
    at = 0
    while at + _HEADER.size <= len(segment):
        _, length = _PREFIX.unpack_from(segment, at)
        end = at + _PREFIX.size + length
        if length <= 0 or end > len(segment):
            return
        yield StoredBatch(at, end, segment[at:end])
        at = end


def orders(place: Place, batch: bytes) -> Iterator[LogRecord]:
    """The orders of a batch. Raises ValueError if it is compressed or has another format."""
    first, _, epoch, version, _, attributes, *_, count = _HEADER.unpack_from(batch)
    if version != 2 or attributes & _COMPRESSION:
        raise ValueError(f"{place}: batch at offset {first} has format {version}, attributes {attributes:#x}")
    if attributes & _CONTROL:
        return
    at = _HEADER.size
    for _ in range(count):
        length, at = _varint(batch, at)
        end = at + length
        _, at = _varint(batch, at + 1)  # after a byte of attributes, the timestamp
        delta, at = _varint(batch, at)
        key, at = _varint(batch, at)
        value, at = _varint(batch, at + max(key, 0))
        yield LogRecord(place, first + delta, epoch, json.loads(batch[at : at + value])["order_id"])
        at = end


def place_of(folder: Path) -> Place:
    """Whose log the folder holds: `orders-3`, or `orders-3.HASH-delete` once it is deleted. OSError while it is being
    made or removed."""
    lines = (folder / "partition.metadata").read_text().splitlines()
    (topic_id,) = (line.partition(": ")[2] for line in lines if line.startswith("topic_id"))
    return Place(topic_id, int(folder.name.partition(".")[0].rpartition("-")[2]))


def read_folder(folder: Path) -> list[LogRecord]:
    """All orders of a partition."""
    place = place_of(folder)
    segments = sorted(folder.glob("*.log"))
    return [each for path in segments for batch in batches(path.read_bytes()) for each in orders(place, batch.data)]


def read_topic(logs: Path) -> list[LogRecord]:
    """All orders of all partitions, without those that are being written. `logs` is the broker's folder."""
    return [each for folder in logs.glob("orders-?") for each in read_folder(folder)]


def cut(folder: Path, size: int) -> list[LogRecord]:
    """Cut so many bytes from the end of a log whose broker is dead; returns the orders that it has lost by that, those
    of a batch that was only cut included."""
    place = place_of(folder)
    segment = max(folder.glob("*.log"))
    data = segment.read_bytes()
    kept = max(0, len(data) - size)
    with segment.open("r+b") as file:
        file.truncate(kept)
    for index in folder.glob("*index"):
        index.unlink()
    return [each for batch in batches(data) if batch.end > kept for each in orders(place, batch.data)]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A zigzag varint, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
