"""Orders are found in the files of a log, and those that a cut takes are named."""

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.ledger import segments
from tests.e2e.ledger.verdict import LogRecord, Place

PLACE = Place("wBX-2Qm0TcqWEpYvAkVf1A", 3)


def varint(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def record(delta: int, order_id: str, key: bytes | None) -> bytes:
    value = json.dumps({"order_id": order_id}).encode()
    keyed = varint(-1) if key is None else varint(len(key)) + key
    body = b"\0" + varint(1000) + varint(delta) + keyed + varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def batch(first: int, order_ids: Sequence[str], epoch: int = 0, attributes: int = 0, key: bytes | None = b"c") -> bytes:
    records = b"".join(record(delta, each, key) for delta, each in enumerate(order_ids))
    rest = struct.pack(">ibIhiqqqhii", epoch, 2, 0, attributes, len(order_ids) - 1, 0, 0, 7, 0, 0, len(order_ids))
    return struct.pack(">qi", first, len(rest) + len(records)) + rest + records


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A partition with three orders in two batches, and an index."""
    found = tmp_path / "orders-3"
    found.mkdir()
    (found / "partition.metadata").write_text(f"version: 0\ntopic_id: {PLACE.topic_id}\n")
    (found / "00000000000000000000.log").write_bytes(batch(0, ["c/0", "c/1"]) + batch(2, ["c/2"], 1, key=None))
    (found / "00000000000000000000.index").touch()
    return found


ORDERS = [LogRecord(PLACE, 0, 0, "c/0"), LogRecord(PLACE, 1, 0, "c/1"), LogRecord(PLACE, 2, 1, "c/2")]


def test_all_orders_of_a_folder_are_read_with_offset_and_epoch(folder: Path) -> None:
    assert segments.read_folder(folder) == ORDERS


def test_a_deleted_partition_is_known_by_its_folder(folder: Path) -> None:
    deleted = folder.rename(folder.with_name("orders-3.0123456789abcdef-delete"))
    assert segments.read_folder(deleted) == ORDERS


@pytest.mark.parametrize(("size", "lost"), [(0, 0), (1, 1), (60, 1), (10**6, 3)])
def test_a_cut_takes_every_batch_that_it_touches(folder: Path, size: int, lost: int) -> None:
    assert segments.cut(folder, size) == ORDERS[3 - lost :]
    assert segments.read_folder(folder) == ORDERS[: 3 - lost]
    assert not list(folder.glob("*.index"))


def test_markers_of_transactions_hold_no_orders() -> None:
    assert list(segments.orders(PLACE, batch(0, ["c/0"], attributes=0x30))) == []


def test_what_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="attributes 0x2"):
        list(segments.orders(PLACE, batch(0, ["c/0"], attributes=0x2)))
