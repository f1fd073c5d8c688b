"""The configuration of the producer client, and the choice between confluent-kafka and the accelerator."""

from confluent_kafka import KafkaException

from orderpipeline_common.background import Background
from orderpipeline_common.engine import choose
from orderpipeline_common.runtime import SettingsError
from orderpipeline_producer.decoding.record_batch import RECORD_OVERHEAD
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from orderpipeline_producer.kafka.access import named
from orderpipeline_producer.kafka.confluent_client import ConfluentClient
from orderpipeline_producer.kafka.producer_client import Config, ProducerClient
from orderpipeline_producer.kafka.successor import Report
from orderpipeline_producer.settings import Settings

MAX_BATCH_BYTES = 1_000_000
"""Largest Kafka batch. By default, brokers refuse more than 1,048,588 bytes."""


def producer_config(settings: Settings, client_id: str) -> Config:
    """The configuration, by librdkafka's names.

    `acked`: idempotent, acks=all; an order times out together with its request. `accepted`: acks=1; the HTTP client
    already has its reply, so the library's own timeout applies.
    """
    limits = settings.limits
    config = settings.kafka.client_config(client_id)
    config |= {
        "linger.ms": settings.linger_ms,
        "compression.type": settings.compression,
        "partitioner": "murmur2_random",  # like Java: the partition of a customer depends on no client
        "batch.size": MAX_BATCH_BYTES,
        "message.max.bytes": max(MAX_BATCH_BYTES, limits.order_bytes + 65536),
        # `InFlight` bounds what is in flight. The library's own bounds are higher, so they are never reached first.
        "queue.buffering.max.messages": max(100_000, limits.in_flight_bytes // RECORD_OVERHEAD + 1),
        "queue.buffering.max.kbytes": limits.in_flight_bytes // 1024 * 2,
        "socket.keepalive.enable": True,
        "log.connection.close": False,
    }
    if settings.durability == "acked":
        timeout_ms = max(1000, int(limits.timeouts.request * 1000))
        config |= {"acks": "all", "enable.idempotence": True, "delivery.timeout.ms": timeout_ms}
    else:
        # Without sequence numbers, a batch that is retried would end up behind a later one that is in flight.
        config |= {"acks": 1, "enable.idempotence": False, "max.in.flight.requests.per.connection": 1}
    config["delivery.timeout.ms"] = max(int(config.get("delivery.timeout.ms", 300_000)), settings.linger_ms + 1)
    return config


def make_client(config: Config, settings: Settings, report: Report, background: Background) -> ProducerClient:
    """The client for these settings. Raises SettingsError if they, or the required accelerator, can't be used."""
    arguments = (config, settings.topic, settings.limits.in_flight_bytes, report, background)
    own = settings.accelerator != "librdkafka"
    accelerated = lambda: AcceleratedClient(*arguments, own=own)  # noqa: E731
    try:
        return choose(settings.accelerator if own else "on", accelerated, lambda: ConfluentClient(*arguments))
    except SettingsError:
        raise
    except (ValueError, KafkaException) as error:
        raise SettingsError(f"the Kafka client can't use its settings: {named(error)}") from None
