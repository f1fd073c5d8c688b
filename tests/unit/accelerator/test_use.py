"""When the accelerator is used, and what is said when it can't be."""

import sys
from typing import Any

import pytest

from orderpipeline_common.contract import Env
from orderpipeline_common.kafka_config import KafkaSettings
from orderpipeline_common.runtime import SettingsError
from orderpipeline_producer.kafka.accelerated_client import NativeSink, make_sink
from orderpipeline_producer.kafka.confluent_client import KafkaSink, producer_config
from orderpipeline_producer.settings import Settings


def made(**settings: Any) -> Any:
    """The client that a producer with these settings makes; nobody is at its broker's port."""
    whole = Settings(kafka=KafkaSettings("127.0.0.1:1"), topic="t", **settings)
    return make_sink(producer_config(whole, "test"), whole)


def test_without_it_python_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "orderpipeline_accelerator", None)
    assert type(made()) is KafkaSink
    with pytest.raises(SettingsError, match=Env.ACCELERATOR):
        made(accelerator="on")


@pytest.mark.parametrize("has", [[], ["Appender", "Client", "librdkafka"]])
def test_an_older_one_that_lacks_something_is_not_used(monkeypatch: pytest.MonkeyPatch, has: list[str]) -> None:
    older = type(sys)("orderpipeline_accelerator")
    for name in has:
        setattr(older, name, object)
    monkeypatch.setitem(sys.modules, "orderpipeline_accelerator", older)
    assert type(made()) is KafkaSink


@pytest.mark.accelerator
def test_with_it_the_setting_tells() -> None:
    assert type(made()) is NativeSink
    assert type(made(accelerator="on", compression="zstd")) is NativeSink
    assert type(made(accelerator="off")) is KafkaSink
