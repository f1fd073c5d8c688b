"""Finding Java, filling the cache once, and the command lines of Kafka's and Strimzi's programs."""

from pathlib import Path

import pytest

from hack.kafka import crds
from orderpipeline_embedded.kafka import config, java, maven


def home(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/java").touch()
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


def test_the_preferred_java_that_is_new_enough_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = home(tmp_path / "17", "17.0.15"), home(tmp_path / "25", "25.0.1")
    monkeypatch.setattr(java, "homes", lambda: [old, new])
    assert java.find(17) == old
    assert java.find(21) == new
    assert java.find(17, newest=True) == new


def test_without_a_fitting_java_the_message_says_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "homes", lambda: [home(tmp_path / "17", "17.0.15"), tmp_path / "none"])
    with pytest.raises(java.JavaMissingError, match=r"Java 21 or newer is needed, found: .*\(17\)"):
        java.find(21)


def test_where_there_is_no_java_a_published_one_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = home(tmp_path / "17", "17.0.15")
    monkeypatch.setattr(java, "homes", lambda: [old])
    monkeypatch.setattr(java, "_fetch", lambda: tmp_path / "fetched")
    monkeypatch.setattr(java.platform, "machine", lambda: "aarch64")
    assert java.provide(17) == old
    assert java.provide(21) == tmp_path / "fetched"
    monkeypatch.setattr(java.platform, "machine", lambda: "riscv64")
    with pytest.raises(java.JavaMissingError, match="Java 21 or newer is needed"):
        java.provide(21)


def test_a_folder_is_filled_once_per_stamp(tmp_path: Path) -> None:
    folder, calls = tmp_path / "cache" / "it", []

    def fill(fresh: Path) -> None:
        calls.append(1)
        (fresh / "jar").write_text(str(len(calls)))

    for stamp, content in (("a", "1"), ("a", "1"), ("b", "2")):
        assert (maven.once(folder, stamp, fill) / "jar").read_text() == content
    assert len(calls) == 2


def test_a_failed_filling_leaves_what_was_there(tmp_path: Path) -> None:
    folder = maven.once(tmp_path / "it", "a", lambda fresh: (fresh / "jar").touch())

    def fill(fresh: Path) -> None:
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError, match="no network"):
        maven.once(folder, "b", fill)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it", "it.lock"]
    assert (folder / "jar").exists()


def test_a_pom_names_every_coordinate() -> None:
    text = maven.pom(["a:b:1", "c:d:2"])
    assert text.count("<dependency>") == 2
    assert "<groupId>c</groupId><artifactId>d</artifactId><version>2</version>" in text


def test_the_cache_moves_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPIPELINE_CACHE", "/elsewhere")
    assert maven.cache() == Path("/elsewhere")


def test_every_crd_has_its_file() -> None:
    line = crds.generator(Path("/java"), Path("/libs"), Path("/out"))
    assert "io.strimzi.api.kafka.model.topic.KafkaTopic=/out/kafkatopic.yaml" in line
    assert len([one for one in line if one.endswith(".yaml")]) == 6


def test_the_test_broker_checks_acls_only_when_asked() -> None:
    node = config.Single("/d", 1, 2, 3, "/k", "/t", "root")
    assert "authorizer.class.name" not in config.single(node)
    secured = config.single(config.Single("/d", 1, 2, 3, "/k", "/t", "root", authorizer=True))
    assert secured["super.users"] == "User:ANONYMOUS;User:root"
    assert "process.roles=broker,controller\n" in config.properties(config.single(node))
