"""The kinds of sinks. To add one, write a module with its SinkConfig and Sink, and add a line to SINKS."""

from collections.abc import Callable, Mapping
from typing import Final

from orderpipeline_common.contract import Env
from orderpipeline_common.runtime import EnvReader
from orderpipeline_consumer.sinks.base import SinkConfig
from orderpipeline_consumer.sinks.handler import HandlerConfig
from orderpipeline_consumer.sinks.http import HttpConfig
from orderpipeline_consumer.sinks.log import LogConfig
from orderpipeline_consumer.sinks.postgres.config import PostgresConfig

SINKS: Final[Mapping[str, Callable[[EnvReader], SinkConfig]]] = {
    "log": LogConfig.read,
    "http": HttpConfig.read,
    "postgres": PostgresConfig.read,
}


def read_sink(env: EnvReader) -> SinkConfig:
    """The configured sink; a handler takes precedence. Raises SettingsError that names the variable and what it must
    be, also for a malformed variable of a sink that is not used."""
    configs = {kind: read(env) for kind, read in SINKS.items()}
    sink = configs[env.choice(Env.SINK, tuple(SINKS), "log")]
    if handler := env.text(Env.HANDLER, ""):
        return HandlerConfig(handler)
    sink.check()
    return sink
