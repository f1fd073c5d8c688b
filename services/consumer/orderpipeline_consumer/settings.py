"""The consumer's settings, read from the environment."""

from dataclasses import dataclass
from datetime import datetime

from orderpipeline_common.contract import CONSUMER_PORT, Env
from orderpipeline_common.kafka_config import KafkaSettings, kafka_settings
from orderpipeline_common.runtime import ALL_ADDRESSES, EnvReader
from orderpipeline_consumer.sinks.base import SinkConfig
from orderpipeline_consumer.sinks.registry import read_sink

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class Settings:
    """Everything but the sink's own variables. Times are seconds. Without a `dead_letter_topic` failing orders are
    retried forever; an empty `name` means that of the host. With a `rack`, the brokers may send the consumer to a
    replica there."""

    kafka: KafkaSettings
    pipeline: str
    topic: str
    group: str
    group_protocol: str
    offset_reset: str
    latest_since: datetime | None
    workers: int
    batch_size: int
    sink: SinkConfig
    dead_letter_topic: str
    attempts: int
    backoff_seconds: float
    drain_seconds: float
    port: int
    log_level: str
    accelerator: str
    host: str = ALL_ADDRESSES
    name: str = ""
    rack: str = ""


def read_settings(env: EnvReader) -> Settings:
    """Raises SettingsError that names the variable and what it must be."""
    return Settings(
        kafka=kafka_settings(env),
        pipeline=env.text(Env.PIPELINE, "local/orders"),
        topic=env.text(Env.TOPIC, "orders-placed"),
        group=env.text(Env.GROUP),
        group_protocol=env.choice(Env.GROUP_PROTOCOL, ("auto", "consumer", "classic"), "auto"),
        offset_reset=env.choice(Env.OFFSET_RESET, ("earliest", "latest"), "earliest"),
        latest_since=env.time(Env.LATEST_SINCE),
        workers=env.integer(Env.WORKERS, 10, low=1, high=1000),
        batch_size=env.integer(Env.BATCH_SIZE, 100, low=1, high=100_000),
        sink=read_sink(env),
        dead_letter_topic=env.text(Env.DEAD_LETTER_TOPIC, ""),
        attempts=env.integer(Env.RETRY_ATTEMPTS, 5, low=1, high=100),
        backoff_seconds=env.integer(Env.RETRY_BACKOFF_MS, 200, low=1, high=3_600_000) / 1000.0,
        drain_seconds=env.seconds(Env.DRAIN_SECONDS, 50.0, high=3600.0),
        port=env.integer(Env.PORT, CONSUMER_PORT, high=65535),
        log_level=env.choice(Env.LOG_LEVEL, LOG_LEVELS, "INFO"),
        accelerator=env.choice(Env.ACCELERATOR, ("auto", "on", "off", "librdkafka"), "auto"),
        host=env.text(Env.HOST, ALL_ADDRESSES),
        name=env.text(Env.NAME, ""),
        rack=env.text(Env.CLIENT_RACK, ""),
    )
