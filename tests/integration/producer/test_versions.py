"""The order API behind a proxy that offers other versions of Kafka's requests than the broker."""

import uuid
from pathlib import Path

import pytest

from orderpipeline_common.contract import Env
from tests.integration.producer.test_kafka import Load, ids
from tests.support.broker import Broker
from tests.support.producer_process import Producer, running
from tests.support.version_proxy import version_proxy
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.accelerator]

Span = tuple[int, int]


@pytest.fixture(autouse=True)
def accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own Kafka client is to be used."""
    monkeypatch.setenv(Env.ACCELERATOR, "on")


@pytest.fixture
def topic(broker: Broker) -> str:
    return broker.create_topic(f"orders-{uuid.uuid4().hex}", 3)


def kafka_client(api: Producer) -> str:
    """What speaks to Kafka, by the metrics."""
    metrics = api.call("GET", "/metrics").body.decode()
    (line,) = [line for line in metrics.splitlines() if line.startswith("orderpipeline_build_info{")]
    return line.split('kafka_client="')[1].split('"')[0]


@pytest.mark.parametrize(
    ("offered", "client"),
    [
        ({"METADATA": (0, 4), "PRODUCE": (0, 3), "INIT_PRODUCER_ID": (0, 0)}, "accelerator"),
        ({"METADATA": (0, 5), "PRODUCE": (0, 5), "INIT_PRODUCER_ID": (0, 1)}, "accelerator"),
        ({"METADATA": (0, 8), "PRODUCE": (3, 8), "INIT_PRODUCER_ID": (0, 2)}, "accelerator"),
        ({"METADATA": (9, 10), "PRODUCE": (9, 9), "INIT_PRODUCER_ID": (3, 3)}, "accelerator"),
        ({"METADATA": (0, 3)}, "librdkafka"),
    ],
    ids=lambda value: "-".join(f"{last}" for _, last in value.values()) if isinstance(value, dict) else value,
)
def test_orders_get_through_whatever_versions_are_offered(
    broker: Broker, topic: str, tmp_path: Path, offered: dict[str, Span], client: str
) -> None:
    with (
        version_proxy(broker.bootstrap, **offered) as proxy,
        running(broker, topic, tmp_path, BOOTSTRAP_SERVERS=proxy.bootstrap) as api,
    ):
        assert kafka_client(api) == client
        with Load(api, 3) as load:
            load.wait(200, 202)
        assert load.acked() <= set(ids(broker, topic))
        assert set(load.answers.values()) == {202}
        assert ("offers versions 0 to 3 of Metadata" in api.log.read_text()) == (client == "librdkafka")
        assert api.stop() == 0


def test_librdkafka_takes_over_while_orders_come(broker: Broker, topic: str, tmp_path: Path) -> None:
    with (
        version_proxy(broker.bootstrap) as proxy,
        running(broker, topic, tmp_path, BOOTSTRAP_SERVERS=proxy.bootstrap, REQUEST_TIMEOUT_SECONDS="5") as api,
    ):
        with Load(api, 4) as load:
            load.wait(100, 202)
            assert kafka_client(api) == "accelerator"
            proxy.offer(METADATA=(0, 3))  # a gateway that was rolled back, say
            proxy.reset()
            wait_until("librdkafka has taken over", lambda: kafka_client(api) == "librdkafka", seconds=60)
            before = len(load.acked())
            load.wait(before + 200, 202)
        found = ids(broker, topic)
        assert load.acked() <= set(found)
        assert api.call("GET", "/ready").status == 200
        assert api.stop() == 0
