"""Logs that are cut, lost or made anew, and a restored database: every acknowledged order has its effect, once."""

import json
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, OffsetSpec

from orderpipeline_common.contract import Env, Metric
from tests.support import broker as brokers
from tests.support.broker import Broker
from tests.support.consumer_process import Pipeline, Process, order, pipeline
from tests.support.damage import cut_log
from tests.support.postgres import Postgres, sink
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("accelerator")]

PROTOCOLS = pytest.mark.parametrize("protocol", ["consumer", "classic"])


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    """A broker that these tests kill, and whose logs they damage."""
    yield from brokers.run()


def send(one: Pipeline, tag: str, count: int) -> list[str]:
    """Orders to partition 0, ten to a batch of the log; returns their ids."""
    for first in range(0, count, 10):
        one.send([(tag, order(tag, number)) for number in range(first, first + 10)], partition=0)
    return [f"{tag}/{number}" for number in range(count)]


@contextmanager
def crashed(one: Pipeline) -> Iterator[Path]:
    """The folder of partition 0 after a crash of its broker, which is started again afterwards."""
    one.broker.kill()
    folder = one.broker.data / f"{one.topic}-0"
    yield folder
    one.broker.start()
    wait_until("the broker serves", one.ends, tolerate=(KafkaException,))


DAMAGES = {"cut": cut_log, "lost": shutil.rmtree}


def restarts(process: Process, cause: str) -> float:
    """How many partitions started over for this cause."""
    return process.metric(f'{Metric.PARTITION_RESTARTS}_total{{cause="{cause}"}}')


@pytest.mark.each_choice
@pytest.mark.parametrize(
    ("damage", "alive", "after"),
    [("cut", True, 400), ("cut", False, 20), ("cut", False, 400), ("lost", True, 20), ("lost", False, 400)],
)
def test_orders_in_place_of_lost_ones_are_stored(
    own_broker: Broker, postgres: Postgres, tmp_path: Path, damage: str, alive: bool, after: int
) -> None:
    """`after`: the log ends below or above what the database has stored."""
    table, settings = sink(postgres, tmp_path)
    with pipeline(own_broker, tmp_path, 1, **settings) as one:
        before = send(one, "before", 200)
        process = one.start()
        postgres.wait_for(f"SELECT count(*) FROM {table}", len(before))
        one.wait_committed()
        if not alive:
            process.kill()
        with crashed(one) as folder:
            DAMAGES[damage](folder)
        later = send(one, "after", after)
        if not alive:
            process = one.start()
        postgres.wait_for(f"SELECT count(*) FROM {table} WHERE customer_id = 'after'", len(later))
        postgres.wait_for(f"SELECT position FROM {table}_offsets", one.ends()[0])
        wait_until("all is committed", lambda: one.committed() == one.ends())
        assert restarts(process, "truncated") == 1
        process.kill()
        more = send(one, "more", 10)  # a position that was not lowered would hide these from the next consumer
        one.start()
        postgres.wait_for(f"SELECT count(*) FROM {table} WHERE customer_id = 'more'", len(more))


@pytest.mark.each_choice
@pytest.mark.parametrize("after", [20, 400])
def test_a_handler_gets_orders_in_place_of_lost_ones(own_broker: Broker, tmp_path: Path, after: int) -> None:
    with pipeline(own_broker, tmp_path, 1, **{Env.OFFSET_RESET: "latest"}) as one:
        process = one.start()
        wait_until("it has begun", lambda: one.committed() == {0: 0})
        send(one, "before", 200)
        one.wait_committed()
        process.kill()
        with crashed(one) as folder:
            cut_log(folder)
        later = send(one, "after", after)
        process = one.start()
        wait_until("all are handled", lambda: set(later) <= {identity for _, identity, _ in one.events()})
        wait_until("all is committed", lambda: one.committed() == one.ends())
        assert restarts(process, "truncated") == 1


def test_dead_letters_are_written_again_after_their_log_was_cut(own_broker: Broker, tmp_path: Path) -> None:
    """The producer's sequence numbers are not those that the broker expects then, which it can't recover from."""
    dead = own_broker.create_topic(f"dead-{uuid.uuid4().hex}")
    with pipeline(own_broker, tmp_path, 1, **{Env.DEAD_LETTER_TOPIC: dead}) as one:
        process = one.start()

        def fail(tag: str, count: int) -> set[str]:
            one.send([(tag, order(tag, number, "permanent")) for number in range(count)])
            one.wait_committed()
            return {f"{tag}/{number}" for number in range(count)}

        fail("before", 40)
        with crashed(one):
            cut_log(own_broker.data / f"{dead}-0")
        after = fail("after", 20)
        assert process.alive
        place = TopicPartition(dead, 0)
        count = wait_until("its end", lambda: one.end(place), tolerate=(KafkaException,))
        assert after <= {json.loads(message.value() or b"")["order_id"] for message in one.read(dead, count)}


class Backup:
    """A database as it was when this was made."""

    def __init__(self, postgres: Postgres, table: str) -> None:
        self._postgres = postgres
        self._tables = (table, f"{table}_offsets")
        for each in self._tables:
            postgres.execute(f"CREATE TABLE {each}_backup AS TABLE {each}")

    def restore(self) -> None:
        """In one transaction; what waits for the tables meanwhile sees them restored."""
        statements = [
            f"LOCK TABLE {each}; DELETE FROM {each}; INSERT INTO {each} TABLE {each}_backup" for each in self._tables
        ]
        self._postgres.execute("; ".join(statements))


@pytest.mark.each_choice
@pytest.mark.parametrize("when", ["stopped", "idle", "busy"])
def test_after_a_restore_the_database_gets_again_what_it_lost(
    broker: Broker, postgres: Postgres, tmp_path: Path, when: str
) -> None:
    table, settings = sink(postgres, tmp_path)
    with pipeline(broker, tmp_path, 3, **settings) as one:
        customers = [f"c{number}" for number in range(12)]

        def send_all(first: int, last: int) -> None:
            one.send([(name, order(name, number)) for number in range(first, last) for name in customers])

        send_all(0, 50)
        process = one.start()
        postgres.wait_for(f"SELECT count(*) FROM {table}", 50 * len(customers))
        backup = Backup(postgres, table)
        send_all(50, 100)
        postgres.wait_for(f"SELECT count(*) FROM {table}", 100 * len(customers))
        one.wait_committed()
        if when == "stopped":
            process.kill()
        backup.restore()
        if when == "stopped":
            process = one.start()
        if when == "busy":
            send_all(100, 110)
        total = (110 if when == "busy" else 100) * len(customers)
        postgres.wait_for(f"SELECT count(DISTINCT order_id) FROM {table}", total)
        one.wait_committed()
        assert process.alive
        assert restarts(process, "database") == 3
        assert process.metric("orderpipeline_dead_letters_total") == 0


def test_an_empty_database_gets_all_that_the_log_has(broker: Broker, postgres: Postgres, tmp_path: Path) -> None:
    table, settings = sink(postgres, tmp_path)
    with pipeline(broker, tmp_path, 1, **settings) as one:
        send(one, "c", 100)
        process = one.start()
        postgres.wait_for(f"SELECT count(*) FROM {table}", 100)
        one.wait_committed()
        postgres.execute(f"DROP TABLE {table}, {table}_offsets")
        send(one, "d", 10)
        postgres.wait_for(f"SELECT count(*) FROM {table}", 110)
        assert process.alive


def test_a_gap_between_database_and_log_stops_the_partition_and_is_named(
    broker: Broker, postgres: Postgres, tmp_path: Path
) -> None:
    table, settings = sink(postgres, tmp_path)
    with pipeline(broker, tmp_path, 1, **settings) as one:
        send(one, "c", 50)
        process = one.start()
        postgres.wait_for(f"SELECT count(*) FROM {table}", 50)
        backup = Backup(postgres, table)
        send(one, "d", 50)
        postgres.wait_for(f"SELECT count(*) FROM {table}", 100)
        one.wait_committed()
        process.kill()
        backup.restore()
        place = TopicPartition(one.topic, 0, 80)
        broker.admin().delete_records([place])[place].result(60)
        process = one.start()
        wait_until("readiness names the gap", lambda: "offsets 50 to 79" in process.get("/ready")[1])
        assert process.get("/ready")[0] == 503
        assert process.get("/health")[0] == 200
        assert postgres.query(f"SELECT count(*) FROM {table}") == [(50,)]
        postgres.execute(f"UPDATE {table}_offsets SET position = 80")
        postgres.wait_for(f"SELECT count(*) FROM {table}", 70)
        process.wait_ready()


class Load:
    """Sends orders one after the other to whatever topic has the name, until it is stopped."""

    def __init__(self, one: Pipeline) -> None:
        self._one = one
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.acknowledged: list[str] = []

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        settings = {
            "bootstrap.servers": self._one.broker.bootstrap,
            "acks": "all",
            "topic.metadata.refresh.interval.ms": 500,
        }
        producer = Producer(settings)
        number = 0
        while not self._stop.wait(0.002):
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


@PROTOCOLS
def test_partitions_that_are_added_under_load_are_read_from_their_beginning(
    broker: Broker, tmp_path: Path, protocol: str
) -> None:
    with pipeline(broker, tmp_path, 2, **{Env.GROUP_PROTOCOL: protocol, Env.OFFSET_RESET: "latest"}) as one:
        old = send(one, "old", 20)
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
