"""Settings from the environment."""

import pytest

from orderpipeline_common.contract import Env
from orderpipeline_common.runtime import EnvReader, SettingsError
from orderpipeline_consumer.settings import read_settings
from orderpipeline_consumer.sinks.handler import HandlerConfig

BASE = {Env.BOOTSTRAP_SERVERS: "localhost:9092", Env.GROUP: "g"}


def test_defaults() -> None:
    found = read_settings(EnvReader(BASE))
    assert (found.workers, found.batch_size, found.offset_reset, found.group_protocol) == (10, 100, "earliest", "auto")
    assert (found.attempts, found.backoff_seconds, found.dead_letter_topic, found.port) == (5, 0.2, "", 8081)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (Env.GROUP, ""),
        (Env.WORKERS, "0"),
        (Env.BATCH_SIZE, "many"),
        (Env.OFFSET_RESET, "none"),
        (Env.LATEST_SINCE, "yesterday"),
        (Env.LATEST_SINCE, "2026-12-01T08:00:00"),
        (Env.SINK, "file"),
        (Env.SINK_DSN_FILE, "/no/such/file"),
        (Env.GROUP_PROTOCOL, "eager"),
        (Env.RETRY_BACKOFF_MS, "0"),
    ],
)
def test_an_invalid_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings(EnvReader({**BASE, name: value}))


@pytest.mark.parametrize(("sink", "name"), [("http", Env.SINK_URL), ("postgres", Env.SINK_DSN_FILE)])
def test_a_missing_variable_of_the_sink_is_named(sink: str, name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read_settings(EnvReader({**BASE, Env.SINK: sink}))
    assert read_settings(EnvReader({**BASE, Env.SINK: sink, Env.HANDLER: "a:b"})).sink == HandlerConfig("a:b")
