"""The postgres sink: every order once, to the cent, whatever happens to consumers, brokers and the database."""

import signal
import threading
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from orderpipeline_common.contract import Env
from tests.support.broker import Broker
from tests.support.consumer_process import Pipeline, order, pipeline
from tests.support.postgres import Postgres, sink
from tests.support.threads import BackgroundThread
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("accelerator")]

CUSTOMERS = [f"c{number}" for number in range(40)]


def orders(first: int, last: int) -> list[tuple[str, bytes]]:
    """Orders number `first` to `last - 1` of every customer; 0.10 + 0.20 cannot be kept exactly as floats."""
    return [(name, order(name, n, amount=("0.10", "0.20")[n % 2])) for n in range(first, last) for name in CUSTOMERS]


def check(one: Pipeline, postgres: Postgres, table: str, each: int) -> None:
    """Every customer has `each` orders, in order, summing up exactly; nothing twice."""
    postgres.wait_for(f"SELECT count(*) FROM {table}", each * len(CUSTOMERS), 180)
    one.wait_committed()
    found = postgres.query(
        f"SELECT customer_id, count(*), sum(amount), count(DISTINCT order_id) FROM {table} GROUP BY 1"
    )
    exact = each // 2 * Decimal("0.30")
    assert sorted(found) == sorted((name, each, exact, each) for name in CUSTOMERS)
    disorder = f"""SELECT * FROM (
        SELECT customer_id, partition, "offset",
            lag("offset") OVER (PARTITION BY customer_id ORDER BY seq) AS earlier FROM {table}
        ) o WHERE earlier > "offset" """
    assert postgres.query(disorder) == []
    kept = dict(postgres.query(f"SELECT partition, position FROM {table}_offsets"))
    assert all(position is None or position <= one.ends()[number] for number, position in kept.items())  # type: ignore[operator, index]


class Watch(BackgroundThread):
    """Looks at the commits while something else happens, and notes where one went backwards."""

    def __init__(self, one: Pipeline) -> None:
        super().__init__()
        self._one = one
        self.backwards: list[str] = []
        self.seen = 0

    def run(self) -> None:
        last: dict[int, int] = {}
        while not self.stop.wait(0.05):
            now = self._one.committed()
            self.backwards += [f"{n}: {last[n]} to {at}" for n, at in now.items() if at < last.get(n, 0)]
            self.seen += now != last
            last = now


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_consumers_coming_and_going_lose_and_double_nothing(
    broker: Broker, postgres: Postgres, tmp_path: Path, protocol: str
) -> None:
    table, settings = sink(postgres, tmp_path, protocol)
    with pipeline(broker, tmp_path, 6, **settings) as one, Watch(one) as watch:
        first = one.start()
        first.wait_ready()
        sender = threading.Thread(target=lambda: [one.send(orders(n, n + 4)) for n in range(0, 160, 4)])
        sender.start()
        second = one.start()
        second.wait_ready()
        third = one.start()
        third.wait_ready()
        first.signal(signal.SIGTERM)
        assert first.wait() == 0
        second.kill()  # its partitions come back only after the session timeout
        fourth = one.start()
        sender.join()
        check(one, postgres, table, 160)
        assert fourth.alive
        assert third.alive
        assert watch.seen > 3
    assert watch.backwards == []


@pytest.mark.each_choice
@pytest.mark.parametrize("upset", ["consumer", "broker", "database"])
def test_a_crash_midway_changes_nothing(broker: Broker, postgres: Postgres, tmp_path: Path, upset: str) -> None:
    table, settings = sink(postgres, tmp_path)
    settings[Env.DEAD_LETTER_TOPIC] = broker.create_topic(f"dead-{uuid.uuid4().hex}")

    def consumer_crash() -> None:
        process.kill()
        one.start()

    def broker_crash() -> None:
        broker.kill()
        wait_until("readiness tells", lambda: process.get("/ready")[0] == 503)
        assert process.get("/health")[0] == 200
        broker.start()
        process.wait_ready()

    def database_crash() -> None:
        postgres.stop()
        one.send(orders(100, 104))  # there is something to store, however quick it was with the others
        wait_until("the trouble shows", lambda: "sink" in process.get("/ready")[1])
        assert process.get("/health")[0] == 200
        postgres.start()

    upsets: dict[str, Callable[[], None]] = {
        "consumer": consumer_crash, "broker": broker_crash, "database": database_crash,
    }  # fmt: skip
    with pipeline(broker, tmp_path, 6, **settings) as one:
        one.send(orders(0, 100))
        process = one.start()
        wait_until("some are stored", lambda: process.metric("orderpipeline_orders_handled_total") > 300)
        upsets[upset]()
        one.send(orders(104 if upset == "database" else 100, 110))
        check(one, postgres, table, 110)
        assert one.processes[-1].metric("orderpipeline_dead_letters_total") == 0


def test_orders_sent_twice_have_one_effect(broker: Broker, postgres: Postgres, tmp_path: Path) -> None:
    table, settings = sink(postgres, tmp_path)
    with pipeline(broker, tmp_path, 3, **settings) as one:
        one.send(orders(0, 10))
        one.send(orders(0, 10))
        one.start()
        check(one, postgres, table, 10)
        unnamed = b'{"customer_id":"u","product_id":"p","quantity":1,"amount":1}'
        one.send([("u", unnamed), ("u", unnamed)])
        postgres.wait_for(f"SELECT count(*) FROM {table} WHERE customer_id = 'u'", 2)


def test_the_database_is_ahead_of_the_commit(broker: Broker, postgres: Postgres, tmp_path: Path) -> None:
    table, settings = sink(postgres, tmp_path)
    with pipeline(broker, tmp_path, 1, **settings) as one:
        one.send(orders(0, 10))
        process = one.start()
        check(one, postgres, table, 10)
        process.kill()
        # Another group name in Kafka is a group without commits; in the database it goes on where the old one was.
        old, one.group = one.group, f"{one.group}-renamed"
        postgres.query(
            f"UPDATE {table}_offsets SET consumer_group = %s WHERE consumer_group = %s RETURNING 1", (one.group, old)
        )
        one.send(orders(10, 12))
        again = one.start(**{Env.GROUP: one.group})
        postgres.wait_for(f"SELECT count(*) FROM {table}", 12 * len(CUSTOMERS))
        handled = "orderpipeline_orders_handled_total"
        wait_until("they are counted", lambda: again.metric(handled) >= 2 * len(CUSTOMERS))
        assert again.metric(handled) == 2 * len(CUSTOMERS)
