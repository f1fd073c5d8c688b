"""Errors after which librdkafka's client sends nothing any more: a new one takes over."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderpipeline_common.contract import Env
from tests.integration.producer.test_kafka import Load, ids, taken
from tests.support import broker as brokers
from tests.support.broker import Broker
from tests.support.damage import cut_log
from tests.support.producer_process import ACCELERATORS, ORDER, running

pytestmark = pytest.mark.integration

PARTITIONS = 3


@pytest.fixture(scope="module")
def own_broker() -> Iterator[Broker]:
    """A broker that these tests kill, and whose logs they damage."""
    yield from brokers.run()


@pytest.mark.parametrize("accelerator", [*ACCELERATORS, pytest.param("librdkafka", marks=pytest.mark.accelerator)])
def test_orders_are_taken_again_after_the_broker_lost_the_end_of_its_log(
    own_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accelerator: str
) -> None:
    """The sequence numbers that the client goes on with are not those that the broker expects then."""
    monkeypatch.setenv(Env.ACCELERATOR, accelerator)
    topic = own_broker.create_topic(f"orders-{uuid.uuid4().hex}", PARTITIONS)
    with running(own_broker, topic, tmp_path) as api:
        for number in range(100):  # one by one, so that each is a batch of its own and none is in flight afterwards
            taken(api, {**ORDER, "customer_id": str(number), "order_id": f"before-{number}"})
        own_broker.kill()
        for partition in range(PARTITIONS):
            cut_log(own_broker.data / f"{topic}-{partition}")
        own_broker.start()
        api.wait_ready()
        with Load(api, 4) as load:
            load.wait(300, 202)
        assert api.call("GET", "/health").status == 200
        assert load.acked() <= set(ids(own_broker, topic))
        assert api.stop() == 0
        entries = [json.loads(line) for line in api.log.read_text().splitlines() if line.startswith("{")]
    found = [entry["fatal"] for entry in entries if entry.get("fatal") is not None]
    assert found == ([] if accelerator == "on" else [True, False])
