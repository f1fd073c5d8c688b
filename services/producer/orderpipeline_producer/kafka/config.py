"""The configuration of the producer clients, by librdkafka's names, and which of them is used."""

import asyncio
import logging

from orderpipeline_common.contract import Env
from orderpipeline_common.runtime import SettingsError
from orderpipeline_producer.decoding.record_batch import RECORD_OVERHEAD
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from orderpipeline_producer.kafka.confluent_client import ConfluentClient, Report
from orderpipeline_producer.kafka.producer_client import Config, ProducerClient
from orderpipeline_producer.settings import Settings

MAX_BATCH_BYTES = 1_000_000
"""Largest Kafka batch; brokers refuse more than 1,048,588 bytes unless told otherwise."""

_log = logging.getLogger(__name__)


def producer_config(settings: Settings, client_id: str) -> Config:
    """The client's configuration.

    `acked`: idempotent with acks=all, and an order is given up when the request is. `accepted`: acks=1, and since the
    HTTP client already has its reply, tried for as long as the library tries by itself.
    """
    limits = settings.limits
    config = settings.kafka.client_config(client_id)
    config |= {
        "linger.ms": settings.linger_ms,
        "compression.type": settings.compression,
        "partitioner": "murmur2_random",  # as Java clients do: one customer, one partition, whoever produces
        "batch.size": MAX_BATCH_BYTES,
        "message.max.bytes": max(MAX_BATCH_BYTES, limits.order_bytes + 65536),
        # `InFlight` bounds what is in flight; the library's own bounds stand just behind and never come first.
        "queue.buffering.max.messages": max(100_000, limits.in_flight_bytes // RECORD_OVERHEAD + 1),
        "queue.buffering.max.kbytes": limits.in_flight_bytes // 1024 * 2,
        "socket.keepalive.enable": True,
        "log.connection.close": False,
    }
    if settings.durability == "acked":
        timeout_ms = max(1000, int(limits.request_seconds * 1000))
        config |= {"acks": "all", "enable.idempotence": True, "delivery.timeout.ms": timeout_ms}
    else:
        # Without sequence numbers a batch that is sent again would land behind a later one under way beside it.
        config |= {"acks": 1, "enable.idempotence": False, "max.in.flight.requests.per.connection": 1}
    config["delivery.timeout.ms"] = max(int(config.get("delivery.timeout.ms", 300_000)), settings.linger_ms + 1)
    return config


def make_client(config: Config, settings: Settings, report: Report, loop: asyncio.AbstractEventLoop) -> ProducerClient:
    """The client that the settings ask for. Raises SettingsError when the accelerator is needed and not there."""
    most = settings.limits.in_flight_bytes
    if settings.accelerator != "off":
        try:
            return AcceleratedClient(config, settings.topic, most, report, loop)
        except ImportError as error:  # it is not there, or older than this and lacks something
            if settings.accelerator == "on":
                raise SettingsError(
                    f"{Env.ACCELERATOR}=on, but it can't be used: {error}; `make accelerator` builds it"
                ) from None
            _log.info("without the accelerator: %s", error)
    return ConfluentClient(config, settings.topic, most, report, loop)
