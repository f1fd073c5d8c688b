"""The broker fixture itself: orders go in and come out on both listeners, also after a stop."""

import uuid

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from tests.support.broker import Broker

pytestmark = pytest.mark.integration


def produce_and_consume(settings: dict[str, str], topic: str, protocol: str) -> list[bytes]:
    producer = Producer({**settings, "acks": "all"})
    for number in range(10):
        producer.produce(topic, key=b"c", value=str(number).encode())
    assert producer.flush(60) == 0
    consumer = Consumer(
        {**settings, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest", "group.protocol": protocol}
    )
    consumer.subscribe([topic])
    values: list[bytes] = []
    try:
        for _ in range(1200):
            for message in consumer.consume(10, timeout=0.1):
                assert message.error() is None
                values.append(message.value() or b"")
            if len(values) >= 10:
                break
        consumer.commit(asynchronous=False)
    finally:
        consumer.close()
    return values


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("listener", ["plain", "sasl"])
def test_both_listeners_take_and_give(broker: Broker, listener: str, protocol: str) -> None:
    topic = broker.create_topic(f"orders-{uuid.uuid4().hex}", 1)
    settings = broker.sasl if listener == "sasl" else {"bootstrap.servers": broker.bootstrap}
    assert produce_and_consume(settings, topic, protocol) == [str(n).encode() for n in range(10)]


def test_a_wrong_password_is_refused(broker: Broker) -> None:
    admin = AdminClient({**broker.sasl, "sasl.password": "wrong", "log_level": "0"}, logger=None)
    with pytest.raises(KafkaException):
        admin.list_topics(timeout=3)


def test_data_survives_stop_and_start(broker: Broker) -> None:
    topic = broker.create_topic(f"orders-{uuid.uuid4().hex}", 3)
    broker.stop()
    broker.start()
    assert len(broker.admin().list_topics(topic, timeout=60).topics[topic].partitions) == 3
