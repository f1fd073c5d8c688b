"""The rendered KafkaUsers may do their work and nothing else: on a real broker that checks rights."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from orderpipeline_common.background import Background
from orderpipeline_common.engine import ACCELERATOR
from orderpipeline_operator.adapters.kafka import OffsetReader
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.manifests import Pipeline
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from orderpipeline_operator.domain.manifests.kafka_users import kafka_users
from orderpipeline_producer.decoding.record_batch import Record
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from tests.integration.operator.kafka.offset_steps import read
from tests.support.broker import Broker
from tests.support.kafka_rights import grant
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

PASSWORD = "only-for-this-test"
TOPIC = f"orders-{uuid.uuid4().hex[:8]}"
NAME = f"shop-{uuid.uuid4().hex[:6]}"
SPEC = OrderPipelineSpec.model_validate({"topic": {"name": TOPIC}, "consumer": {"group": f"{NAME}-group"}})
DEAD = names.dead_letter_topic(SPEC)


@pytest.fixture(scope="module")
def broker(secured_broker: Broker) -> Broker:
    """The broker with the topics, users and rights of one pipeline, as Strimzi's operators would make them."""
    secured_broker.create_topic(TOPIC, 2)
    secured_broker.create_topic(DEAD)
    for user in kafka_users(Pipeline(NAME, "store", "7d1c", SPEC)):
        grant(secured_broker, user["metadata"]["name"], PASSWORD, user["spec"]["authorization"]["acls"])
    return secured_broker


def _client(broker: Broker, user: str, **more: Any) -> dict[str, Any]:
    return {**broker.sasl, "sasl.username": user, "sasl.password": PASSWORD, "log_level": 0, **more}


def _produce(broker: Broker, user: str, topic: str, idempotent: bool = True) -> KafkaError | None:
    """Produce one record as the services do, acked by all; its error, or None."""
    found: list[KafkaError | None] = []
    producer = Producer(_client(broker, user, **{"enable.idempotence": idempotent, "message.timeout.ms": 60000}))
    producer.produce(topic, b"{}", key=b"c", on_delivery=lambda error, _: found.append(error))
    producer.flush(90)
    return found[0]


@pytest.fixture
def consumer(broker: Broker, request: pytest.FixtureRequest) -> Iterator[Consumer]:
    more = {"group.id": f"{NAME}-group", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    made = Consumer(_client(broker, names.consumer(NAME), **more, **{"group.protocol": request.param}))
    made.subscribe([TOPIC])
    yield made
    made.close()


def test_the_producer_may_produce_orders_and_nothing_else(broker: Broker) -> None:
    assert _produce(broker, names.producer(NAME), TOPIC) is None
    denied = _produce(broker, names.producer(NAME), DEAD)
    assert denied is not None
    assert denied.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    admin = AdminClient(_client(broker, names.producer(NAME)))
    with pytest.raises(KafkaException, match="AUTHORIZATION_FAILED"):
        admin.create_topics([NewTopic(f"{NAME}-mine", 1, 1)])[f"{NAME}-mine"].result(60)


@pytest.mark.accelerator
def test_the_accelerators_own_kafka_client_needs_no_other_rights(broker: Broker) -> None:
    more = {"compression.type": "snappy", "linger.ms": 0, "acks": "all", "enable.idempotence": True}
    config = _client(broker, names.producer(NAME), **more)
    report = lambda code, text, *, fatal=None: None  # noqa: E731
    with closing(asyncio.new_event_loop()) as loop:
        clients = [AcceleratedClient(config, topic, 10**6, report, Background(loop=loop)) for topic in (TOPIC, DEAD)]
        assert [client.engine.kafka_client for client in clients] == [ACCELERATOR] * 2
        permitted, denied = clients
        wait_until("the topic is described", lambda: permitted.check() == "")
        delivery = permitted.send(Record(0, "c", b"{}", "id-1"))
        assert permitted.close(60.0) == 0
        assert delivery.clean
        wait_until("the lack of rights is told", lambda: "authorization failed" in denied.check(), detail=denied.check)
        assert denied.close(0.0) == 0


@pytest.mark.parametrize("consumer", ["classic", "consumer"], indirect=True)
def test_the_consumer_may_read_and_commit_by_either_protocol(broker: Broker, consumer: Consumer) -> None:
    assert _produce(broker, names.producer(NAME), TOPIC) is None
    message = wait_until("a record", lambda: consumer.poll(1))
    assert message.error() is None
    consumer.commit(message, asynchronous=False)


def test_the_consumer_may_write_dead_letters_but_no_orders(broker: Broker) -> None:
    assert _produce(broker, names.consumer(NAME), DEAD) is None
    denied = _produce(broker, names.consumer(NAME), TOPIC)
    assert denied is not None
    assert denied.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_the_operator_may_read_offsets_and_touch_nothing(broker: Broker) -> None:
    user = names.operator_user(NAME)
    connection = KafkaEndpoint(
        bootstrap=broker.sasl_bootstrap,
        security_protocol="SASL_SSL",
        mechanism="SCRAM-SHA-512",
        username=user,
        password=PASSWORD,
        ca=broker.ca_pem.read_text(),
    )
    assert _produce(broker, names.producer(NAME), TOPIC) is None
    reader = OffsetReader(connection, TOPIC, f"{NAME}-group", client_id="test", timeout=30.0)
    try:
        read(reader)
    finally:
        reader.close()
    denied = _produce(broker, user, TOPIC, idempotent=False)  # an idempotent producer dies of it
    assert denied is not None
    assert denied.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
