"""Steps of the tests of the offset reader."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from orderpipeline_operator.adapters.kafka import OffsetReader
from orderpipeline_operator.domain.lag.history import History, advance
from orderpipeline_operator.domain.lag.sample import LagSample, Reading, Reset, Unknown
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from tests.support.broker import Broker
from tests.support.waiting import Deadline


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


MakeReader = Callable[..., OffsetReader]
"""Broker, topic, group, perhaps the seconds of a reading, and what differs from the broker's own KafkaEndpoint."""


def open_reader(broker: Broker, topic: str, group: str, timeout: float = 30.0, **changes: object) -> OffsetReader:
    """A reader as the operator's, by TLS and SCRAM; `changes` are to its connection."""
    parts: dict[str, Any] = {
        "bootstrap": broker.sasl_bootstrap, "security_protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-512",
        "username": broker.username, "password": broker.password, "ca": broker.ca_pem.read_text(),
    }  # fmt: skip
    connection = KafkaEndpoint(**(parts | changes))
    return OffsetReader(connection, topic, group, client_id="test", timeout=timeout)


@pytest.fixture
def reader() -> Iterator[MakeReader]:
    """Makes readers and closes them, also after a failure: what is left open fails the test in which it is found."""
    with ExitStack() as made:

        def make(broker: Broker, topic: str, group: str, timeout: float = 30.0, **changes: object) -> OffsetReader:
            return made.enter_context(closing(open_reader(broker, topic, group, timeout, **changes)))

        yield make


def read(source: OffsetReader, until: Callable[[Reading], bool] = lambda _: True, seconds: float = 120.0) -> Reading:
    """A reading for which `until` holds; leaders and coordinators need a moment on a new topic or group."""
    deadline = Deadline("such a reading", seconds)
    while True:
        found = source.read()
        if isinstance(found, Reading) and until(found):
            return found
        deadline.check(found)
        time.sleep(0.05)


def unknown(source: OffsetReader, reason: str, seconds: float = 120.0) -> bool:
    """Wait until the reader tells this reason; what was deleted or forbidden is so a moment later."""
    deadline = Deadline(reason, seconds)
    while not isinstance(found := source.read(), Unknown) or found.reason != reason:
        deadline.check(found)
        time.sleep(0.05)
    return True


def produce(broker: Broker, topic: str, count: int, partition: int = 0, **config: object) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, **config})
    if config:
        producer.init_transactions(60)
        producer.begin_transaction()
    for _ in range(count):
        producer.produce(topic, b"x" * 100, partition=partition)
    if config:
        producer.commit_transaction(60)
    assert producer.flush(60) == 0


def commit(broker: Broker, group: str, topic: str, offset: int, partition: int = 0) -> None:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
    consumer.close()


def lag(*readings: Reading, reset: Reset = "earliest", apart: float = 60.0) -> LagSample:
    """The sample of the last of readings taken so many seconds apart."""
    history, sample = History(), None
    for index, one in enumerate(readings):
        history, sample = advance(history, one, reset, apart * index)
    assert isinstance(sample, LagSample)
    return sample
