"""The consumer's settings, read from the environment."""

from dataclasses import dataclass
from pathlib import Path

from orderpipeline_common.contract import CONSUMER_PORT, Env
from orderpipeline_common.kafka_config import KafkaSettings, kafka_settings
from orderpipeline_common.runtime import ALL_ADDRESSES, EnvReader, SettingsError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class SinkSettings:
    """Where orders go. `handler` wins over `kind`; `url` is set with http, `dsn_file` with postgres."""

    handler: str
    kind: str
    url: str
    dsn_file: Path | None
    table: str
    timeout_seconds: float

    def read_dsn(self) -> str:
        """The connection string as the file holds it now. Raises SettingsError when it can't be read."""
        assert self.dsn_file is not None
        try:
            return self.dsn_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{Env.SINK_DSN_FILE}: can't read {self.dsn_file}: {error}") from None


@dataclass(frozen=True)
class Settings:
    """All of the consumer. Times are seconds. An empty `dead_letter_topic` means that failing orders are retried
    for ever, an empty `name` that of the host."""

    kafka: KafkaSettings
    pipeline: str
    topic: str
    group: str
    group_protocol: str
    offset_reset: str
    workers: int
    batch_size: int
    sink: SinkSettings
    dead_letter_topic: str
    attempts: int
    backoff_seconds: float
    drain_seconds: float
    port: int
    log_level: str
    accelerator: str
    host: str = ALL_ADDRESSES
    name: str = ""


def read_settings(env: EnvReader) -> Settings:
    """Raises SettingsError that names the variable and what it must be."""
    return Settings(
        kafka=kafka_settings(env),
        pipeline=env.text(Env.PIPELINE, "local/orders"),
        topic=env.text(Env.TOPIC, "orders-placed"),
        group=env.text(Env.GROUP),
        group_protocol=env.choice(Env.GROUP_PROTOCOL, ("auto", "consumer", "classic"), "auto"),
        offset_reset=env.choice(Env.OFFSET_RESET, ("earliest", "latest"), "earliest"),
        workers=env.integer(Env.WORKERS, 10, low=1, high=1000),
        batch_size=env.integer(Env.BATCH_SIZE, 100, low=1, high=100_000),
        sink=_sink(env),
        dead_letter_topic=env.text(Env.DEAD_LETTER_TOPIC, ""),
        attempts=env.integer(Env.RETRY_ATTEMPTS, 5, low=1, high=100),
        backoff_seconds=env.integer(Env.RETRY_BACKOFF_MS, 200, low=1, high=3_600_000) / 1000.0,
        drain_seconds=env.seconds(Env.DRAIN_SECONDS, 50.0, high=3600.0),
        port=env.integer(Env.PORT, CONSUMER_PORT, high=65535),
        log_level=env.choice(Env.LOG_LEVEL, LEVELS, "INFO"),
        accelerator=env.choice(Env.ACCELERATOR, ("auto", "on", "off"), "auto"),
        host=env.text(Env.HOST, ALL_ADDRESSES),
        name=env.text(Env.NAME, ""),
    )


def _sink(env: EnvReader) -> SinkSettings:
    kind = env.choice(Env.SINK, ("log", "http", "postgres"), "log")
    sink = SinkSettings(
        handler=env.text(Env.HANDLER, ""),
        kind=kind,
        url=env.text(Env.SINK_URL, ""),
        dsn_file=env.path(Env.SINK_DSN_FILE),
        table=env.text(Env.SINK_TABLE, "orders"),
        timeout_seconds=env.seconds(Env.SINK_TIMEOUT_SECONDS, 10.0, low=0.1, high=3600.0),
    )
    if sink.handler:
        return sink
    if kind == "http" and not sink.url.startswith(("http://", "https://")):
        raise SettingsError(f"{Env.SINK_URL}={sink.url!r}; {Env.SINK}=http needs an http:// or https:// address")
    if kind == "postgres" and sink.dsn_file is None:
        raise SettingsError(
            f"{Env.SINK_DSN_FILE} is not set; {Env.SINK}=postgres needs the path of the connection string's file"
        )
    return sink
