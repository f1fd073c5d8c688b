"""A topic that is deleted and made again, or gets more partitions: every order in it is handled."""

import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, OffsetSpec

from orderpipeline_common.contract import Env
from tests.support import broker as brokers
from tests.support.broker import Broker
from tests.support.consumer_process import PROTOCOLS, Pipeline, Process, order, pipeline
from tests.support.threads import BackgroundThread
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("accelerator")]


class Load(BackgroundThread):
    """Sends orders one after the other to whatever topic has the name, until it is stopped."""

    def __init__(self, one: Pipeline) -> None:
        super().__init__()
        self._one = one
        self.acknowledged: list[str] = []

    def run(self) -> None:
        settings = {
            "bootstrap.servers": self._one.broker.bootstrap,
            "acks": "all",
            "topic.metadata.refresh.interval.ms": 500,
        }
        producer = Producer(settings)
        number = 0
        while not self.stop.wait(0.002):
            identity = f"c/{number}"
            producer.produce(
                self._one.topic, order("c", number), uuid.uuid4().hex,
                on_delivery=lambda error, _, identity=identity: error or self.acknowledged.append(identity),
            )  # fmt: skip
            producer.poll(0)
            number += 1
        producer.flush(60)


def in_the_topic(one: Pipeline) -> set[str]:
    """The ids of the orders that the topic holds."""
    ends = sum(one.ends().values())
    return {order_id(message.value() or b"") for message in one.read(one.topic, ends)}


def order_id(value: bytes) -> str:
    return value.split(b'"order_id": "')[1].split(b'"')[0].decode()


@PROTOCOLS
@pytest.mark.parametrize("reset", ["earliest", "latest"])
def test_a_topic_that_is_made_anew_under_load_is_read_from_its_beginning(
    broker: Broker, tmp_path: Path, protocol: str, reset: str
) -> None:
    with pipeline(broker, tmp_path, 2, **{Env.GROUP_PROTOCOL: protocol, Env.OFFSET_RESET: reset}) as one:
        process = one.start()
        wait_until("it has begun", lambda: one.committed() == {0: 0, 1: 0})
        with Load(one) as load:
            wait_until("some are acknowledged", lambda: len(load.acknowledged) > 1000)
            one.broker.admin().delete_topics([one.topic])[one.topic].result(60)
            wait_until("it is there again", lambda: broker.create_topic(one.topic, 2), tolerate=(KafkaException,))
            seen = len(load.acknowledged)
            wait_until("more are acknowledged", lambda: len(load.acknowledged) > seen + 2000)
        there = in_the_topic(one)
        assert len(there) > 1000
        wait_until("all are handled", lambda: there <= {identity for _, identity, _ in one.events()})
        assert process.alive


@contextmanager
def frozen(process: Process) -> Iterator[None]:
    """The process notices nothing meanwhile."""
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)


@pytest.mark.each_client
@PROTOCOLS
def test_a_longer_topic_in_place_of_the_former_one_is_read_from_its_beginning(
    broker: Broker, tmp_path: Path, protocol: str
) -> None:
    """The new log has the offset at which the consumer would go on, so that nothing but the topic's id tells."""
    with pipeline(broker, tmp_path, 1, **{Env.GROUP_PROTOCOL: protocol, Env.OFFSET_RESET: "latest"}) as one:
        process = one.start()
        wait_until("it has begun", lambda: one.committed() == {0: 0})
        one.send_numbered("before", 200)
        one.wait_committed()
        with frozen(process):
            broker.admin().delete_topics([one.topic])[one.topic].result(60)
            wait_until("it is there again", lambda: broker.create_topic(one.topic), tolerate=(KafkaException,))
            after = one.send_numbered("after", 300)
        wait_until("all are handled", lambda: set(after) <= {identity for _, identity, _ in one.events()})
        wait_until("all is committed", lambda: one.committed() == one.ends())
        assert process.alive


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    """A broker that these tests restart."""
    yield from brokers.run()


@pytest.mark.each_client
@PROTOCOLS
def test_a_topic_made_anew_is_read_though_the_former_one_has_changed_its_leader(
    own_broker: Broker, tmp_path: Path, protocol: str
) -> None:
    """The new topic's leader epochs begin at 0 again, which librdkafka takes for outdated."""
    with pipeline(own_broker, tmp_path, 1, **{Env.GROUP_PROTOCOL: protocol}) as one:
        process = one.start()
        one.send_numbered("before", 20)
        one.wait_committed()
        own_broker.kill()
        own_broker.start()
        wait_until("the broker serves", one.ends, tolerate=(KafkaException,))
        between = set(one.send_numbered("between", 20))
        wait_until("it goes on", lambda: handled(one) >= between)
        own_broker.admin().delete_topics([one.topic])[one.topic].result(60)
        wait_until("it is there again", lambda: own_broker.create_topic(one.topic), tolerate=(KafkaException,))
        after = set(one.send_numbered("after", 20))
        wait_until("the new topic is handled", lambda: handled(one) >= after)
        wait_until("all is committed", lambda: one.committed() == one.ends())
        assert process.alive


def test_a_topic_that_is_made_anew_while_no_consumer_runs_is_read_from_its_beginning(
    broker: Broker, tmp_path: Path
) -> None:
    """Its commits go with it, so the group looks as at its first start, which skips what is older than the pipeline."""
    with pipeline(broker, tmp_path, 1, **{Env.OFFSET_RESET: "latest"}) as one:
        old = one.send_numbered("old", 20)
        time.sleep(0.01)  # the timestamps of records are milliseconds
        one.env[Env.LATEST_SINCE] = datetime.now(UTC).isoformat()
        expected = one.send_numbered("since", 20)
        process = one.start()
        wait_until("what is newer than the pipeline is handled", lambda: handled(one) >= set(expected))
        one.wait_committed()
        process.kill()
        broker.admin().delete_topics([one.topic])[one.topic].result(60)
        wait_until("it is there again", lambda: broker.create_topic(one.topic), tolerate=(KafkaException,))
        expected += one.send_numbered("after", 20)
        one.start()
        wait_until("all of the new topic is handled", lambda: handled(one) >= set(expected))
        assert handled(one).isdisjoint(old)


def handled(one: Pipeline) -> set[str]:
    """The ids of the orders that were handled."""
    return {identity for _, identity, _ in one.events()}


@PROTOCOLS
def test_partitions_that_are_added_under_load_are_read_from_their_beginning(
    broker: Broker, tmp_path: Path, protocol: str
) -> None:
    with pipeline(broker, tmp_path, 2, **{Env.GROUP_PROTOCOL: protocol, Env.OFFSET_RESET: "latest"}) as one:
        old = one.send_numbered("old", 20)
        process = one.start()
        wait_until("it has begun", lambda: one.committed() == one.ends())
        with Load(one) as load:
            wait_until("some are acknowledged", lambda: len(load.acknowledged) > 200)
            broker.admin().create_partitions([NewPartitions(one.topic, 6)])[one.topic].result(60)
            added = [TopicPartition(one.topic, number) for number in range(2, 6)]

            def smallest_end() -> int:
                admin = AdminClient({"bootstrap.servers": broker.bootstrap})  # the shared one remembers two partitions
                ends = admin.list_offsets(dict.fromkeys(added, OffsetSpec.latest()))
                return min(end.result(60).offset for end in ends.values())

            wait_until("the new ones are written to", lambda: smallest_end() > 20, tolerate=(KafkaException,))
        process.kill()  # the next assignment does not wait for the client to look at the topic again
        one.start()
        handled = wait_until(
            "all are handled",
            lambda: set(load.acknowledged) <= (done := {identity for _, identity, _ in one.events()}) and done,
        )
        assert handled.isdisjoint(old), "the group's first start was at the end"
