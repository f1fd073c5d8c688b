"""The way to the API server that the environment names."""

import pytest

from orderpipeline_operator.adapters.kubernetes.transport import proxy_of


def test_a_proxy_is_taken_from_the_environment_but_not_for_what_it_excepts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert proxy_of("https://10.96.0.1:443") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert proxy_of("https://10.96.0.1:443") == "http://proxy:3128"
    assert proxy_of("http://10.96.0.1") is None
    monkeypatch.setenv("NO_PROXY", "10.96.0.1,other")
    assert proxy_of("https://10.96.0.1:443") is None
