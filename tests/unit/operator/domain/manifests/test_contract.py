"""The services understand the environment that is rendered for them, and every file it names is mounted."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orderpipeline_common.contract import Env
from orderpipeline_common.runtime import EnvReader
from orderpipeline_consumer import settings as consumer_settings
from orderpipeline_consumer.sinks.postgres.config import PostgresConfig
from orderpipeline_operator.domain.manifests import Manifest
from orderpipeline_producer import settings as producer_settings
from orderpipeline_producer.http.server import SWEEP_SECONDS
from tests.unit.operator.domain.manifests.specs import SPECS, bundle


def _container(name: str, service: str) -> tuple[Manifest, Manifest]:
    deployment = next(
        m for m in bundle(SPECS[name]).manifests() if (m["kind"], m["metadata"]["name"]) == ("Deployment", service)
    )
    pod = deployment["spec"]["template"]["spec"]
    return pod["containers"][0], pod


def _environ(container: Manifest, root: Path) -> dict[str, str]:
    """The environment with all paths below root; a Secret's entry as its place."""
    return {
        entry["name"]: entry["value"].replace("/etc/", f"{root}/etc/") if "value" in entry else "from-secret"
        for entry in container["env"]
    }


def _mount(container: Manifest, pod: Manifest, root: Path) -> None:
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        volume: dict[str, Any] = volumes[mount["name"]]
        folder = root / mount["mountPath"].lstrip("/")
        folder.mkdir(parents=True)
        every = [{"key": key, "path": key} for key in ("ca.crt", "ca-2026.crt", "ca.password")]
        for item in volume.get("secret", {}).get("items", every if mount["name"] == "kafka-ca" else ()):
            (folder / item["path"]).write_text(item["key"])


@pytest.mark.parametrize("name", SPECS)
def test_the_producer_reads_its_environment(name: str, tmp_path: Path) -> None:
    container, pod = _container(name, "shop-producer")
    _mount(container, pod, tmp_path)
    found = producer_settings.read_settings(EnvReader(_environ(container, tmp_path)))
    assert found.pipeline == "store/shop"
    assert found.port == container["ports"][0]["containerPort"]
    if found.kafka.security_protocol.startswith("SASL"):
        assert found.kafka.read_password() == "password"
    if name == "existing-certificate":
        config = found.kafka.client_config("me")
        assert (config["ssl.certificate.pem"], config["ssl.key.pem"]) == ("user.crt", "user.key")


@pytest.mark.parametrize(("name", "setting"), [("defaults", "auto"), ("trial", "off")])
def test_the_accelerator_is_used_unless_it_is_switched_off(name: str, setting: str, tmp_path: Path) -> None:
    for service, read in (("producer", producer_settings.read_settings), ("consumer", consumer_settings.read_settings)):
        container, pod = _container(name, f"shop-{service}")
        _mount(container, pod, tmp_path / service)
        assert read(EnvReader(_environ(container, tmp_path / service))).accelerator == setting


EDGE_REPLY_SECONDS, EDGE_IDLE_SECONDS = 15.0, 3600.0
"""How long Contour waits for a reply, and how long Envoy keeps an idle connection, by default."""


@pytest.mark.parametrize("name", ["defaults", "existing"])
def test_the_defaults_of_the_producer_fit_those_of_the_edge(name: str, tmp_path: Path) -> None:
    container, pod = _container(name, "shop-producer")
    _mount(container, pod, tmp_path)
    found = producer_settings.read_settings(EnvReader(_environ(container, tmp_path))).limits
    assert found == producer_settings.Limits()
    assert found.timeouts.request + SWEEP_SECONDS + 1 < EDGE_REPLY_SECONDS
    assert found.timeouts.idle > EDGE_IDLE_SECONDS


@pytest.mark.parametrize("name", SPECS)
def test_the_consumer_reads_its_environment(name: str, tmp_path: Path) -> None:
    container, pod = _container(name, "shop-consumer")
    _mount(container, pod, tmp_path)
    found = consumer_settings.read_settings(EnvReader(_environ(container, tmp_path)))
    assert found.port == container["ports"][0]["containerPort"]
    config = found.kafka.client_config("me")
    if name == "existing":
        assert config["ssl.ca.pem"] == "bundle.pem"
    elif found.kafka.security_protocol == "SASL_SSL":
        assert config["ssl.ca.pem"] == "ca-2026.crt\nca.crt"
    created = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert found.latest_since == (created if found.offset_reset == "latest" else None)
    if isinstance(found.sink, PostgresConfig):
        assert found.sink.read_dsn() == "url"


@pytest.mark.parametrize("service", ["shop-producer", "shop-consumer"])
@pytest.mark.parametrize("name", SPECS)
def test_variables_are_of_the_contract_and_given_once(name: str, service: str) -> None:
    names = [entry["name"] for entry in _container(name, service)[0]["env"]]
    known = {value for key, value in vars(Env).items() if key.isupper()}
    theirs = {"OTEL_SERVICE_NAME", "STOCK_URL"} if name == "templates" else set()  # what the user's template adds
    assert set(names) <= known | theirs
    assert len(names) == len(set(names))


@pytest.mark.parametrize("service", ["shop-producer", "shop-consumer"])
def test_the_pod_outlives_its_drain(service: str) -> None:
    for name in SPECS:
        container, pod = _container(name, service)
        drain = next(int(e["value"]) for e in container["env"] if e["name"] == Env.DRAIN_SECONDS)
        wait = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert wait + drain < pod["terminationGracePeriodSeconds"]
