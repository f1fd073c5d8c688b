"""The choice of the engine, and where it is said: the log and the metric."""

import logging
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from orderpipeline_common import engine
from orderpipeline_common.contract import VERSION, Env
from orderpipeline_common.engine import Engine, announce, choose, engine_in, export_build_info
from orderpipeline_common.runtime import SettingsError


def accelerated() -> str:
    return "accelerator"


def cannot_be_loaded() -> str:
    raise ImportError("libc.so.6: version `GLIBC_2.99' not found")


def python() -> str:
    return "python"


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the version of the installed accelerator."""
    found = [VERSION]
    monkeypatch.setattr(engine, "version", lambda _: found[0])
    return lambda wanted: found.__setitem__(0, wanted)


@pytest.mark.parametrize(("setting", "chosen"), [("auto", "accelerator"), ("on", "accelerator"), ("off", "python")])
def test_the_setting_decides(
    release: Callable[[str], None], caplog: pytest.LogCaptureFixture, setting: str, chosen: str
) -> None:
    assert choose(setting, accelerated, python) == chosen
    assert not caplog.records


def test_what_cannot_be_loaded_is_one_warning(release: Callable[[str], None], caplog: pytest.LogCaptureFixture) -> None:
    assert choose("auto", cannot_be_loaded, python) == "python"
    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    assert "GLIBC_2.99" in said.getMessage()


def test_of_another_release_it_is_not_used(release: Callable[[str], None], caplog: pytest.LogCaptureFixture) -> None:
    release("0.0.9")
    assert choose("auto", accelerated, python) == "python"
    (said,) = caplog.records
    assert "0.0.9" in said.getMessage()
    assert VERSION in said.getMessage()


def test_what_is_not_installed_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "DISTRIBUTION", "orderpipeline-no-such-distribution")
    assert choose("auto", accelerated, python) == "python"
    (said,) = caplog.records
    assert "orderpipeline-no-such-distribution is not installed" in said.getMessage()


def test_what_is_required_and_cannot_be_used_is_an_error(release: Callable[[str], None]) -> None:
    with pytest.raises(SettingsError, match=f"{Env.ACCELERATOR}=on.*GLIBC_2.99"):
        choose("on", cannot_be_loaded, python)


def test_log_and_metric_say_which_engine_runs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    registry = CollectorRegistry()
    announcement = announce(Engine("accelerator", kafka_client="librdkafka"), registry)
    (said,) = caplog.records
    assert said.getMessage() == "engine: accelerator"
    assert said.__dict__["kafka_client"] == "librdkafka"
    sample = f'orderpipeline_build_info{{engine="accelerator",kafka_client="librdkafka",version="{VERSION}"}} 1.0'
    assert sample in generate_latest(registry).decode().splitlines()
    announcement.change(Engine("accelerator", kafka_client="accelerator"))
    assert caplog.records[1].__dict__["kafka_client"] == "accelerator"
    labels = {"version": VERSION, "engine": "accelerator"}
    assert registry.get_sample_value("orderpipeline_build_info", {**labels, "kafka_client": "accelerator"}) == 1
    assert registry.get_sample_value("orderpipeline_build_info", {**labels, "kafka_client": "librdkafka"}) is None
    assert engine_in(generate_latest(registry).decode()) == "accelerator"


def test_a_program_without_an_engine_exports_its_version() -> None:
    registry = CollectorRegistry()
    export_build_info(registry)
    assert registry.get_sample_value("orderpipeline_build_info", {"version": VERSION}) == 1
    assert engine_in(generate_latest(registry).decode()) is None
