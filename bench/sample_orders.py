"""Writes orders to a topic one by one with librdkafka, as a Python program would."""

from confluent_kafka import Producer

from bench.settings import ORDER_BYTES
from orderpipeline_embedded.load.orders import generated

Orders = list[tuple[bytes, bytes]]


def sample_orders() -> Orders:
    """Orders to write repeatedly: the value and its key."""
    return [(order, order[16:32]) for order in generated(50_000, 100_000, ORDER_BYTES)]


def write_orders(producer: Producer, topic: str, orders: Orders, count: int) -> None:
    """Write `count` orders and wait until Kafka has them. RuntimeError if it does not accept all."""
    for number in range(count):
        value, key = orders[number % len(orders)]
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.01)
    if producer.flush(60):
        raise RuntimeError(f"Kafka did not accept all orders for {topic}")
