"""Orders written to a topic one by one by librdkafka, as a Python program does it."""

from confluent_kafka import Producer

from bench.settings import ORDER_BYTES
from orderpipeline_embedded.load.orders import generated

Orders = list[tuple[bytes, bytes]]


def made() -> Orders:
    """Orders to write over and over: the value, and the key within it."""
    return [(order, order[16:32]) for order in generated(50_000, 100_000, ORDER_BYTES)]


def write(producer: Producer, topic: str, orders: Orders, count: int) -> None:
    """Write `count` orders and wait until Kafka has them. Raises RuntimeError when it does not take all."""
    for number in range(count):
        value, key = orders[number % len(orders)]
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.01)
    if producer.flush(60):
        raise RuntimeError(f"Kafka did not take all orders for {topic}")
