"""The postgres sink before it has a connection."""

import asyncio

import pytest

from orderpipeline_common.runtime import SettingsError
from orderpipeline_consumer.errors import UnavailableError
from orderpipeline_consumer.sinks.base import Batch, Claim
from orderpipeline_consumer.sinks.postgres.sink import PostgresSink
from tests.unit.consumer.parts import record


def no_dsn() -> str:
    raise SettingsError("can't read the file")


class Kafka:
    """Tells the topic's id, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        await asyncio.sleep(0.01)
        return "id"


def sink(kafka: Kafka) -> PostgresSink:
    return PostgresSink(no_dsn, table="orders", group="g", topic="t", topic_id=kafka, timeout_seconds=1)


async def test_a_connection_string_that_is_gone_is_no_fault_of_the_orders() -> None:
    with pytest.raises(UnavailableError, match="can't read the file"):
        await sink(Kafka()).handle(Batch(0, [record(0)], lambda: 1, Claim()))


async def test_partitions_that_are_claimed_together_ask_kafka_once() -> None:
    kafka = Kafka()
    one = sink(kafka)
    for rounds in (1, 2):
        answers = await asyncio.gather(*[one.claim(n) for n in range(50)], return_exceptions=True)
        assert all(isinstance(answer, UnavailableError) for answer in answers)
        assert kafka.asked == rounds
