"""Errors after which librdkafka's client sends nothing any more: a new one takes over."""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orderpipeline_common.contract import Env, Metric
from orderpipeline_producer.decoding.record_batch import RECORD_OVERHEAD
from orderpipeline_producer.web.problems import AMBIGUOUS
from tests.integration.producer.test_kafka import Load, ids, taken, unavailable
from tests.support import broker as brokers
from tests.support.broker import Broker
from tests.support.damage import cut_log
from tests.support.producer_process import ACCELERATORS, ORDER, Producer, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

PARTITIONS = 3
IN_FLIGHT = 20
"""Orders that nobody knows whether the log has them."""


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    """A broker that these tests kill, and whose logs they damage."""
    yield from brokers.run()


def in_flight_bytes(api: Producer) -> float:
    """By the metrics."""
    lines = api.call("GET", "/metrics").body.decode().splitlines()
    (value,) = [line.split()[-1] for line in lines if line.startswith(Metric.IN_FLIGHT_BYTES)]
    return float(value)


@pytest.mark.parametrize("accelerator", [*ACCELERATORS, pytest.param("librdkafka", marks=pytest.mark.accelerator)])
def test_orders_are_taken_again_after_the_broker_lost_the_end_of_its_log(
    own_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accelerator: str
) -> None:
    """The sequence numbers that the client goes on with are not those that the broker expects then."""
    monkeypatch.setenv(Env.ACCELERATOR, accelerator)
    topic = own_broker.create_topic(f"orders-{uuid.uuid4().hex}", PARTITIONS)
    with running(own_broker, topic, tmp_path) as api, ThreadPoolExecutor(IN_FLIGHT) as pool:
        for number in range(100):  # one by one, so that each is a batch of its own and none is in flight afterwards
            taken(api, {**ORDER, "customer_id": str(number), "order_id": f"before-{number}"})
        own_broker.pause()
        orders = [{**ORDER, "customer_id": str(number), "order_id": f"away-{number}"} for number in range(IN_FLIGHT)]
        answers = [pool.submit(api.post, "/order", order) for order in orders]
        least = sum(RECORD_OVERHEAD + len(json.dumps(order, separators=(",", ":"))) for order in orders)
        wait_until("all are in flight", lambda: in_flight_bytes(api) >= least)
        own_broker.kill()
        for partition in range(PARTITIONS):
            cut_log(own_broker.data / f"{topic}-{partition}")
        own_broker.start()
        api.wait_ready()
        with Load(api, 4) as load:
            load.wait(300, 202)
        found = set(ids(own_broker, topic))
        for order, answer in zip(orders, (each.result(60) for each in answers), strict=True):
            if answer.status == 202:
                assert order["order_id"] in found
            else:
                assert AMBIGUOUS in unavailable(answer)
        assert api.call("GET", "/health").status == 200
        assert load.acked() <= found
        assert api.stop() == 0
        entries = [json.loads(line) for line in api.log.read_text().splitlines() if line.startswith("{")]
    fatal = [entry["fatal"] for entry in entries if entry.get("fatal") is not None]
    assert fatal == ([] if accelerator == "on" else [True, False])
