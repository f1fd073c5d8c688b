"""How the consumer is a member of its group: protocols, slow handlers, security, readiness."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from hack.kafka import pki
from orderpipeline_common.contract import VERSION, Env
from orderpipeline_common.engine import ACCELERATOR, PYTHON, Engine
from orderpipeline_common.order import Order
from orderpipeline_common.runtime import EnvReader
from orderpipeline_consumer.service import Service
from orderpipeline_consumer.settings import read_settings
from orderpipeline_consumer.sinks.handler import HandlerSink
from tests.support.broker import Broker
from tests.support.consumer_process import Process, order, pipeline
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("accelerator")]

ENGINES = {"off": Engine(PYTHON), "librdkafka": Engine(ACCELERATOR), "on": Engine(ACCELERATOR, ACCELERATOR)}


def test_a_broker_without_kip_848_gets_the_classic_protocol(classic_broker: Broker, tmp_path: Path) -> None:
    with pipeline(classic_broker, tmp_path, 3) as one:
        one.send([(f"c{n}", order(f"c{n}", 0)) for n in range(30)])
        process = one.start()
        one.wait_committed()
        assert len(one.events()) == 30
        assert "falling back" in process.log.read_text()
        strict = one.start(**{Env.GROUP_PROTOCOL: "consumer"})
        assert strict.wait() == 1
        assert "not supported" in strict.log.read_text()


def works_over(broker: Broker, folder: Path, secure: dict[str, str]) -> Process:
    """A consumer that has worked an order and given up another one over connections with these settings."""
    with pipeline(broker, folder, 2, **secure) as one:
        one.send([("a", order("a", 0)), ("b", order("b", 0, "permanent"))])
        process = one.start()
        one.wait_committed()
        assert process.metric("orderpipeline_dead_letters_total") == 1
    return process


def test_tls_and_scram(broker: Broker, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(broker.password + "\n")
    authorities = tmp_path / "ca"  # as Strimzi's Secret while a CA is replaced: the brokers still have the former one
    authorities.mkdir()
    (authorities / "ca.crt").write_text(pki.new_ca("cluster-ca", datetime.now(UTC)).cert)
    (authorities / "ca-2026-11-30.crt").write_text(broker.ca_pem.read_text())
    secure = {
        Env.BOOTSTRAP_SERVERS: broker.sasl_bootstrap,
        Env.SECURITY_PROTOCOL: "SASL_SSL",
        Env.SASL_USERNAME: broker.username,
        Env.SASL_PASSWORD_FILE: str(password),
        Env.CA_FILE: str(authorities),
        Env.DEAD_LETTER_TOPIC: broker.create_topic(f"dead-{tmp_path.name}"),
    }
    process = works_over(broker, tmp_path, secure)
    assert broker.password not in process.log.read_text()


@pytest.mark.parametrize("protocol", ["consumer", "classic"])
def test_a_member_without_partitions_is_ready(broker: Broker, tmp_path: Path, protocol: str) -> None:
    with pipeline(broker, tmp_path, 1, **{Env.GROUP_PROTOCOL: protocol}) as one:
        owners = [one.start(), one.start()]
        for process in owners:
            process.wait_ready()
        wait_until("one owns it", lambda: sum(p.metric("orderpipeline_partitions_assigned") for p in owners) == 1)
        for process in owners:
            assert process.get("/ready")[0] == 200


@pytest.mark.each_client
@pytest.mark.parametrize("protocol", ["consumer", "classic"])
async def test_a_handler_longer_than_max_poll_interval_keeps_its_partition(broker: Broker, protocol: str) -> None:
    loop = asyncio.get_running_loop()
    topic = await loop.run_in_executor(None, broker.create_topic, f"slow-{protocol}-{id(loop)}")
    calls: list[int] = []

    async def handle(orders: Sequence[Order]) -> None:
        calls.append(len(orders))
        await asyncio.sleep(15)

    env = {Env.BOOTSTRAP_SERVERS: broker.bootstrap, Env.TOPIC: topic, Env.GROUP: topic, Env.PORT: "0"}
    env[Env.ACCELERATOR] = os.environ[Env.ACCELERATOR]
    settings = read_settings(EnvReader({**env, Env.GROUP_PROTOCOL: protocol, Env.DRAIN_SECONDS: "3"}))
    metrics = CollectorRegistry()
    service = Service(settings, metrics, "test", sink=HandlerSink(handle), max_poll_seconds=6)
    stop = asyncio.Event()
    running = asyncio.create_task(service.run(stop))

    def send() -> None:
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        producer.produce(topic, key="c", value=order("c", 0))
        assert producer.flush(60) == 0

    await loop.run_in_executor(None, send)
    try:
        async with asyncio.timeout(120):
            while metrics.get_sample_value("orderpipeline_orders_handled_total") != 1:
                assert not running.done()
                await asyncio.sleep(0.1)
    finally:
        stop.set()
        await running
    assert calls == [1], "it was kicked out and given the order again"
    engine = ENGINES[os.environ[Env.ACCELERATOR]]
    labels = {"version": VERSION, "engine": engine.name, "kafka_client": engine.kafka_client}
    assert metrics.get_sample_value("orderpipeline_build_info", labels) == 1
    assert metrics.get_sample_value("orderpipeline_rebalances_total", {"event": "lost"}) is None
    assert metrics.get_sample_value("orderpipeline_commits_total", {"outcome": "failed"}) == 0
    assert metrics.get_sample_value("orderpipeline_commits_total", {"outcome": "ok"}) is not None


@pytest.mark.each_client
def test_a_client_certificate(broker: Broker, tmp_path: Path) -> None:
    pair, certificate, key = broker.issue("consumer"), tmp_path / "client.crt", tmp_path / "client.key"
    certificate.write_text(pair.cert)
    key.write_text(pair.key)
    secure = {
        Env.BOOTSTRAP_SERVERS: broker.tls_bootstrap,
        Env.SECURITY_PROTOCOL: "SSL",
        Env.CA_FILE: str(broker.ca_pem),
        Env.CLIENT_CERT_FILE: str(certificate),
        Env.CLIENT_KEY_FILE: str(key),
        Env.DEAD_LETTER_TOPIC: broker.create_topic(f"dead-{tmp_path.name}"),
    }
    works_over(broker, tmp_path, secure)
