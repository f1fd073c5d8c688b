"""The postgres sink before it has a connection."""

import struct
from typing import Any

import pytest

from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.errors import UnavailableError
from orderpipeline_consumer.fetching.confluent import MessageBatch
from orderpipeline_consumer.records.batch import BatchSlice
from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.sinks.base import Batch, PartitionLease
from orderpipeline_consumer.sinks.postgres.arrays import jsonb_array
from orderpipeline_consumer.sinks.postgres.sink import PostgresSink, parameters
from tests.unit.consumer.builders import ORDER, ORDER_WITHOUT_ID, Message, orders, record


def no_dsn() -> str:
    raise SettingsError("can't read the file")


async def test_a_missing_connection_string_means_unavailable() -> None:
    sink = PostgresSink(no_dsn, table="orders", group="g", timeout_seconds=1)
    with pytest.raises(UnavailableError, match="can't read the file"):
        await sink.acquire(orders(0), "id")
    with pytest.raises(UnavailableError, match="can't read the file"):
        await sink.handle(Batch(orders(0), [record(0)], lambda: LogPosition(1), PartitionLease()))


def test_amounts_keep_their_digits() -> None:
    messages: list[Any] = [Message(ORDER.replace(b"0.1", b"1234567890123456.78")), Message(ORDER_WITHOUT_ID, offset=43)]
    batch = MessageBatch(orders(3), messages, [42, 43])
    found = parameters(BatchSlice(batch, 0, 2))
    assert found == parameters(batch.records(0, 2))
    assert b'"amount":1234567890123456.78' in found["orders"].data
    assert (found["offsets"], found["timestamps"]) == ("{42,43}", "{1700,1700}")


def test_an_array_of_documents_is_in_the_form_that_the_database_reads() -> None:
    head = struct.pack(">5i", 1, 0, 3802, 2, 1)
    assert jsonb_array([b"{}", b'{"a":1}']).data == head + b"\0\0\0\x03\x01{}" + b'\0\0\0\x08\x01{"a":1}'
