"""When the accelerator is used, and what is said when it can't be."""

import asyncio
import sys
from typing import Any

import pytest

from orderpipeline_common.contract import Env
from orderpipeline_common.kafka_config import KafkaSettings
from orderpipeline_common.runtime import SettingsError
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from orderpipeline_producer.kafka.config import make_client, producer_config
from orderpipeline_producer.kafka.confluent_client import ConfluentClient
from orderpipeline_producer.settings import Settings


async def made(**settings: Any) -> type:
    """The kind of client that a producer with these settings makes; nobody is at its broker's port."""
    whole = Settings(kafka=KafkaSettings("127.0.0.1:1"), topic="t", **settings)
    config = producer_config(whole, "test")
    client = make_client(config, whole, lambda code, text, *, fatal: None, asyncio.get_running_loop())
    assert client.close(0.0) == 0
    return type(client)


async def test_without_it_python_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "orderpipeline_accelerator", None)
    assert await made() is ConfluentClient
    with pytest.raises(SettingsError, match=Env.ACCELERATOR):
        await made(accelerator="on")


@pytest.mark.parametrize("has", [[], ["Appender", "Client", "librdkafka"]])
async def test_an_older_one_that_lacks_something_is_not_used(monkeypatch: pytest.MonkeyPatch, has: list[str]) -> None:
    older = type(sys)("orderpipeline_accelerator")
    for name in has:
        setattr(older, name, object)
    monkeypatch.setitem(sys.modules, "orderpipeline_accelerator", older)
    assert await made() is ConfluentClient


@pytest.mark.accelerator
async def test_with_it_the_setting_tells() -> None:
    assert await made() is AcceleratedClient
    assert await made(accelerator="on", compression="zstd") is AcceleratedClient
    assert await made(accelerator="off") is ConfluentClient
