"""Settings and credentials."""

import base64
from pathlib import Path

import pytest
import yaml

from orderpipeline_common.runtime import SettingsError
from orderpipeline_operator.adapters.credentials import discover, from_kubeconfig, in_cluster
from orderpipeline_operator.settings import from_environ

NEEDED = {"POD_NAMESPACE": "system", "POD_NAME": "a"}


def test_defaults() -> None:
    settings = from_environ(NEEDED)
    assert settings.watch_namespaces == ()
    assert settings.resync_seconds == 60
    assert settings.retry_seconds < settings.renew_seconds < settings.lease_seconds


def test_namespaces_are_a_list() -> None:
    assert from_environ({**NEEDED, "ORDERPIPELINE_WATCH_NAMESPACES": "a, b,"}).watch_namespaces == ("a", "b")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POD_NAME", ""),
        ("ORDERPIPELINE_HTTP_PORT", "x"),
        ("ORDERPIPELINE_HTTP_PORT", "70000"),
        ("ORDERPIPELINE_LOG_LEVEL", "LOUD"),
        ("ORDERPIPELINE_RESYNC_SECONDS", "0"),
        ("ORDERPIPELINE_WORKERS", "0"),
        ("ORDERPIPELINE_METRICS_TLS_CERT", "/nowhere/tls.crt"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        from_environ({**NEEDED, name: value})


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    cert = tmp_path / "tls.crt"
    cert.touch()
    with pytest.raises(SettingsError, match="both or neither"):
        from_environ({**NEEDED, "ORDERPIPELINE_METRICS_TLS_CERT": str(cert)})


def test_the_token_is_read_anew_each_time(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\n")
    (tmp_path / "ca.crt").write_text("CA")
    cluster = in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}, tmp_path)
    assert (cluster.server, cluster.ca, cluster.token()) == ("https://[fd00::1]:6443", "CA", "one")
    (tmp_path / "token").write_text("two")
    assert cluster.token() == "two"


def test_a_pod_without_a_token_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="automountServiceAccountToken"):
        discover({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, tmp_path)


def kubeconfig(path: Path, user: dict[str, object]) -> Path:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://a:1/", "certificate-authority": "ca.crt"}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(config))
    (path.parent / "ca.crt").write_text("CA")
    return path


def test_a_kubeconfig_with_files_and_inline_data(tmp_path: Path) -> None:
    encoded = {f"client-{part}-data": base64.b64encode(part.encode()).decode() for part in ("certificate", "key")}
    cluster = from_kubeconfig(kubeconfig(tmp_path / "config", encoded))
    assert (cluster.server, cluster.ca, cluster.certificate) == ("https://a:1", "CA", ("certificate", "key"))
    assert from_kubeconfig(kubeconfig(tmp_path / "config", {"token": "t"})).token() == "t"


def test_a_kubeconfig_that_logs_in_by_a_plugin_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="plugin"):
        from_kubeconfig(kubeconfig(tmp_path / "config", {"exec": {"command": "x"}}))


def test_no_cluster_at_all(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="KUBECONFIG"):
        discover({"HOME": str(tmp_path)})
