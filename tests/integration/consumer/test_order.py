"""Order per customer, contiguous commits, drain."""

import random
import signal
from pathlib import Path

import pytest

from orderpipeline_common.contract import Env
from tests.support.broker import Broker
from tests.support.consumer_process import order, per_customer, pipeline
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("accelerator")]

PROTOCOLS = ("consumer", "classic")


@pytest.mark.each_client
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_orders_of_a_customer_stay_in_order_with_ten_workers(broker: Broker, tmp_path: Path, protocol: str) -> None:
    chance = random.Random(7)
    customers = [f"c{number}" for number in range(60)]
    orders = [(name, order(name, n, f"slow:{chance.random() / 200:.4f}")) for n in range(30) for name in customers]
    with pipeline(broker, tmp_path, **{Env.GROUP_PROTOCOL: protocol, Env.BATCH_SIZE: "7"}) as one:
        one.send(orders)
        process = one.start()
        one.wait_committed()
        assert per_customer(one.events()) == {name: list(range(30)) for name in customers}
        assert process.metric("orderpipeline_orders_handled_total") == len(orders)
        assert process.metric("orderpipeline_partitions_assigned") == 4


def test_a_commit_never_passes_an_order_that_is_not_finished(broker: Broker, tmp_path: Path) -> None:
    with pipeline(broker, tmp_path, partitions=1) as one:
        one.send([("early", order("early", n)) for n in range(10)], 0)
        one.send([("slow", order("slow", 0, "hold"))], 0)
        one.start()
        wait_until("the slow order began", lambda: "slow" in str(one.events("begin")))
        one.send([(f"late{n}", order(f"late{n}", 0)) for n in range(200)], 0)
        wait_until("the late ones are done", lambda: len([e for e in one.events() if e[0].startswith("late")]) == 200)
        assert one.committed().get(0, 0) <= 10
        one.record.with_suffix(".released").touch()
        one.wait_committed()


def test_sigterm_finishes_what_is_under_way_commits_and_leaves(broker: Broker, tmp_path: Path) -> None:
    with pipeline(broker, tmp_path, partitions=2, **{Env.WORKERS: "2", Env.BATCH_SIZE: "5"}) as one:
        one.send([(f"c{n % 20}", order(f"c{n % 20}", n // 20, "slow:0.2")) for n in range(400)])
        process = one.start()
        wait_until("some are done", lambda: len(one.events()) > 20)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        done = one.events()
        assert len(done) == len(one.events("begin")), "an order was begun and not finished"
        assert 20 < len(done) < 400, "the drain is to finish what was begun, not the whole topic"
        assert sum(one.committed().values()) <= len(done)
        second = one.start(RECORD_HASTE="1")
        one.wait_committed()
        assert {event[1] for event in one.events()} == {f"c{n % 20}/{n // 20}" for n in range(400)}
        assert second.alive


def test_a_drain_ends_in_time_and_a_second_signal_ends_at_once(broker: Broker, tmp_path: Path) -> None:
    with pipeline(broker, tmp_path, partitions=1, **{Env.DRAIN_SECONDS: "1"}) as one:
        one.send([("c", order("c", 0, "slow:600"))], 0)
        process = one.start()
        wait_until("begun", lambda: one.events("begin"))
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert one.committed().get(0, 0) == 0
        patient = one.start(**{Env.DRAIN_SECONDS: "600"})
        wait_until("begun again", lambda: len(one.events("begin")) == 2)
        patient.signal(signal.SIGTERM)
        wait_until("draining", lambda: "stopping" in patient.get("/ready")[1])
        patient.signal(signal.SIGTERM)
        assert patient.wait() == -signal.SIGTERM
