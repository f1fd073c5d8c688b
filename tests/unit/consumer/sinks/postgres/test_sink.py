"""The postgres sink before it has a connection."""

import asyncio
from typing import Any

import pytest

from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.errors import UnavailableError
from orderpipeline_consumer.fetching.confluent import MessageBatch
from orderpipeline_consumer.records.batch import BatchSlice
from orderpipeline_consumer.sinks.base import Batch, PartitionLease
from orderpipeline_consumer.sinks.postgres.sink import PostgresSink, parameters
from tests.unit.consumer.builders import ORDER, ORDER_WITHOUT_ID, Message, orders, record


def no_dsn() -> str:
    raise SettingsError("can't read the file")


class TopicIds:
    """Returns the topic's id, and counts the requests."""

    def __init__(self) -> None:
        self.requests = 0

    async def __call__(self, topic: str) -> str:
        self.requests += 1
        await asyncio.sleep(0.01)
        return "id"


def sink(topic_ids: TopicIds) -> PostgresSink:
    return PostgresSink(no_dsn, table="orders", group="g", topic_id=topic_ids, timeout_seconds=1)


async def test_a_missing_connection_string_means_unavailable() -> None:
    with pytest.raises(UnavailableError, match="can't read the file"):
        await sink(TopicIds()).handle(Batch(orders(0), [record(0)], lambda: 1, PartitionLease()))


async def test_partitions_acquired_together_request_the_topic_id_once() -> None:
    topic_ids = TopicIds()
    one = sink(topic_ids)
    for rounds in (1, 2):
        answers = await asyncio.gather(*[one.acquire(orders(n)) for n in range(50)], return_exceptions=True)
        assert all(isinstance(answer, UnavailableError) for answer in answers)
        assert topic_ids.requests == rounds


def test_amounts_keep_their_digits() -> None:
    messages: list[Any] = [Message(ORDER.replace(b"0.1", b"1234567890123456.78")), Message(ORDER_WITHOUT_ID, offset=43)]
    batch = MessageBatch(orders(3), messages, [42, 43])
    found = parameters(BatchSlice(batch, 0, 2))
    assert found == parameters(batch.records(0, 2))
    assert '"amount":1234567890123456.78' in found["orders"]
    assert (found["offsets"], found["timestamps"]) == ([42, 43], [1700, 1700])
