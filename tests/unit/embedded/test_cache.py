"""Filling the cache."""

from pathlib import Path

import pytest

from orderpipeline_embedded import cache


def test_a_folder_is_filled_once_per_stamp(tmp_path: Path) -> None:
    folder, calls = tmp_path / "cache" / "it", []

    def fill(fresh: Path) -> None:
        calls.append(1)
        (fresh / "jar").write_text(str(len(calls)))

    for stamp, content in (("a", "1"), ("a", "1"), ("b", "2")):
        assert (cache.fill_once(folder, stamp, fill) / "jar").read_text() == content
    assert len(calls) == 2


def test_a_failed_fill_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    folder = cache.fill_once(tmp_path / "it", "a", lambda fresh: (fresh / "jar").touch())

    def fill(fresh: Path) -> None:
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError, match="no network"):
        cache.fill_once(folder, "b", fill)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it", "it.lock"]
    assert (folder / "jar").exists()


def test_the_cache_folder_follows_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPIPELINE_CACHE", "/elsewhere")
    assert cache.cache_root() == Path("/elsewhere")
