"""When the accelerator is used, and which error or fallback follows when it can't be."""

import sys
from typing import Any

import pytest

from orderpipeline_common.background import Background
from orderpipeline_common.contract import Env
from orderpipeline_common.kafka_config import KafkaSettings
from orderpipeline_common.runtime import SettingsError
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from orderpipeline_producer.kafka.config import make_client, producer_config
from orderpipeline_producer.kafka.confluent_client import ConfluentClient
from orderpipeline_producer.settings import Settings


async def client_type(**settings: Any) -> type:
    """The type of the Kafka client that a producer with these settings uses. Nothing listens on its broker's port."""
    whole = Settings(kafka=KafkaSettings("127.0.0.1:1"), topic="t", **settings)
    config = producer_config(whole, "test")
    client = make_client(config, whole, lambda code, text, *, fatal=None: None, Background())
    assert client.close(0.0) == 0
    return type(client)


async def test_without_the_accelerator_python_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "orderpipeline_accelerator", None)
    assert await client_type() is ConfluentClient
    with pytest.raises(SettingsError, match=Env.ACCELERATOR):
        await client_type(accelerator="on")


@pytest.mark.parametrize("has", [[], ["DirectProducer", "LibrdkafkaProducer", "librdkafka"]])
async def test_an_accelerator_that_lacks_a_name_is_not_used(monkeypatch: pytest.MonkeyPatch, has: list[str]) -> None:
    older = type(sys)("orderpipeline_accelerator")
    for name in has:
        setattr(older, name, object)
    monkeypatch.setitem(sys.modules, "orderpipeline_accelerator", older)
    assert await client_type() is ConfluentClient


@pytest.mark.accelerator
async def test_with_the_accelerator_the_setting_decides() -> None:
    assert await client_type() is AcceleratedClient
    assert await client_type(accelerator="on", compression="zstd") is AcceleratedClient
    assert await client_type(accelerator="off") is ConfluentClient
