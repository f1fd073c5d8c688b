"""API keys in their folder."""

from pathlib import Path

import pytest

from orderpipeline_producer.api.auth import ApiKeys, load_keys
from orderpipeline_producer.web.problems import Problem


def test_keys_are_files_named_after_their_clients(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("k" * 20 + "\n")
    (tmp_path / "short").write_text("abc")
    (tmp_path / "..data").mkdir()
    (tmp_path / ".hidden").write_text("h" * 20)
    keys = ApiKeys(load_keys(tmp_path, set()))
    assert keys.client("Bearer " + "k" * 20) == "shop"
    assert keys.client("bearer  " + "k" * 20) == "shop"
    for bad in ("Bearer abc", "Bearer " + "h" * 20, "Bearer " + "k" * 19, "Bearer \udcff" + "k" * 20):
        with pytest.raises(Problem) as caught:
            keys.client(bad)
        assert caught.value.status == 403
    for none in ("", "Bearer", "Bearer  ", "Basic " + "k" * 20):
        with pytest.raises(Problem) as caught:
            keys.client(none)
        assert caught.value.status == 401
        assert dict(caught.value.headers)["WWW-Authenticate"].startswith("Bearer")
    assert keys.replace({}) is True
    assert keys.replace({}) is False
    with pytest.raises(Problem):
        keys.client("Bearer " + "k" * 20)


def test_a_key_that_is_no_text_costs_only_its_client_and_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "good").write_text("k" * 20)
    (tmp_path / "broken").write_bytes(b"\xff\xfe" * 20)
    warned: set[str] = set()
    for _ in range(3):
        assert set(load_keys(tmp_path, warned)) == {"good"}
    assert [record.message for record in caplog.records if "broken" in record.message] == [caplog.messages[0]]
    (tmp_path / "broken").write_text("b" * 20)
    assert set(load_keys(tmp_path, warned)) == {"good", "broken"}
    assert not warned
