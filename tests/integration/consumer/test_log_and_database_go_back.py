"""Logs that are cut or lost, and a restored database: every acknowledged order has its effect, once."""

import json
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, TopicPartition

from orderpipeline_common.contract import Env, Metric
from tests.support import broker as brokers
from tests.support.broker import Broker
from tests.support.consumer_process import PROTOCOLS, Pipeline, Process, order, pipeline
from tests.support.damage import cut_log
from tests.support.postgres import Postgres, sink
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("accelerator")]


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    """A broker that these tests kill, and whose logs they damage."""
    yield from brokers.run()


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
@PROTOCOLS
@pytest.mark.parametrize(
    ("damage", "alive", "after"),
    [("cut", True, 400), ("cut", False, 20), ("cut", False, 400), ("lost", True, 20), ("lost", False, 400)],
)
def test_orders_in_place_of_lost_ones_are_stored(
    own_broker: Broker, postgres: Postgres, tmp_path: Path, damage: str, alive: bool, after: int, protocol: str
) -> None:
    """`after`: the log ends below or above what the database has stored."""
    table, settings = sink(postgres, tmp_path, protocol)
    with pipeline(own_broker, tmp_path, 1, **settings) as one:
        before = one.send_numbered("before", 200)
        process = one.start()
        postgres.wait_for(f"SELECT count(*) FROM {table}", len(before))
        one.wait_committed()
        if not alive:
            process.kill()
        with crashed(one) as folder:
            DAMAGES[damage](folder)
        later = one.send_numbered("after", after)
        if not alive:
            process = one.start()
        postgres.wait_for(f"SELECT count(*) FROM {table} WHERE customer_id = 'after'", len(later))
        postgres.wait_for(f"SELECT position FROM {table}_offsets", one.ends()[0])
        wait_until("all is committed", lambda: one.committed() == one.ends())
        assert restarts(process, "truncated") == 1
        assert re.search(rf"partition {one.topic}/0 (begins|went back)\b.*(was cut|truncated)", process.log.read_text())
        process.kill()
        more = one.send_numbered("more", 10)  # a position that was not lowered would hide these from the next consumer
        one.start()
        postgres.wait_for(f"SELECT count(*) FROM {table} WHERE customer_id = 'more'", len(more))


@pytest.mark.each_client
@pytest.mark.each_choice
@PROTOCOLS
@pytest.mark.parametrize("after", [20, 400])
def test_a_handler_gets_orders_in_place_of_lost_ones(
    own_broker: Broker, tmp_path: Path, after: int, protocol: str
) -> None:
    settings = {Env.OFFSET_RESET: "latest", Env.GROUP_PROTOCOL: protocol}
    with pipeline(own_broker, tmp_path, 1, **settings) as one:
        process = one.start()
        wait_until("it has begun", lambda: one.committed() == {0: 0})
        one.send_numbered("before", 200)
        one.wait_committed()
        process.kill()
        with crashed(one) as folder:
            cut_log(folder)
        later = one.send_numbered("after", after)
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
@PROTOCOLS
@pytest.mark.parametrize("when", ["stopped", "idle", "busy"])
def test_after_a_restore_the_database_gets_again_what_it_lost(
    broker: Broker, postgres: Postgres, tmp_path: Path, when: str, protocol: str
) -> None:
    table, settings = sink(postgres, tmp_path, protocol)
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
        one.send_numbered("c", 100)
        process = one.start()
        postgres.wait_for(f"SELECT count(*) FROM {table}", 100)
        one.wait_committed()
        postgres.execute(f"DROP TABLE {table}, {table}_offsets")
        one.send_numbered("d", 10)
        postgres.wait_for(f"SELECT count(*) FROM {table}", 110)
        assert process.alive


def test_a_gap_between_database_and_log_stops_the_partition_and_is_named(
    broker: Broker, postgres: Postgres, tmp_path: Path
) -> None:
    table, settings = sink(postgres, tmp_path)
    with pipeline(broker, tmp_path, 1, **settings) as one:
        one.send_numbered("c", 50)
        process = one.start()
        postgres.wait_for(f"SELECT count(*) FROM {table}", 50)
        backup = Backup(postgres, table)
        one.send_numbered("d", 50)
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
