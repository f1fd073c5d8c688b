"""Finding a Java."""

from pathlib import Path

import pytest

from orderpipeline_embedded.kafka import java


def home(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/java").touch()
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


def test_the_preferred_java_that_is_new_enough_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = home(tmp_path / "17", "17.0.15"), home(tmp_path / "25", "25.0.1")
    monkeypatch.setattr(java, "homes", lambda: [old, new])
    assert java.find(17) == old
    assert java.find(21) == new
    assert java.find(17, newest=True) == new


def test_without_a_suitable_java_the_message_lists_those_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "homes", lambda: [home(tmp_path / "17", "17.0.15"), tmp_path / "none"])
    with pytest.raises(java.JavaMissingError, match=r"Java 21 or newer is needed, found: .*\(17\)"):
        java.find(21)


def test_a_published_java_is_fetched_if_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = home(tmp_path / "17", "17.0.15")
    monkeypatch.setattr(java, "homes", lambda: [old])
    monkeypatch.setattr(java, "_fetch", lambda: tmp_path / "fetched")
    monkeypatch.setattr(java.platform, "machine", lambda: "aarch64")
    assert java.provide(17) == old
    assert java.provide(21) == tmp_path / "fetched"
    monkeypatch.setattr(java.platform, "machine", lambda: "riscv64")
    with pytest.raises(java.JavaMissingError, match="Java 21 or newer is needed"):
        java.provide(21)
