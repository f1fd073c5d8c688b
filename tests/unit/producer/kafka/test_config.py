"""The configuration of the Kafka client."""

from orderpipeline_common.kafka_config import KafkaSettings
from orderpipeline_producer.kafka.config import producer_config
from orderpipeline_producer.settings import Settings


def test_accepted_orders_are_tried_for_longer_than_a_request() -> None:
    kafka = KafkaSettings("kafka:9092")
    config = producer_config(Settings(kafka, "orders", durability="accepted", linger_ms=10), "me")
    assert (config["acks"], config["enable.idempotence"]) == (1, False)
    assert config["delivery.timeout.ms"] == 300_000
    assert config["max.in.flight.requests.per.connection"] == 1, "or a retry would change the order of a customer"
