"""Settings and credentials."""

import base64
from pathlib import Path

import pytest
import yaml

from orderpipeline_common.runtime import SettingsError
from orderpipeline_operator.adapters.kubernetes.credentials import authorization, discover, from_kubeconfig, in_cluster
from orderpipeline_operator.adapters.kubernetes.handlers import connection_info
from orderpipeline_operator.settings import from_environ
from tests.support.clock import later

NEEDED = {"POD_NAMESPACE": "system", "POD_NAME": "a"}


def test_defaults() -> None:
    settings = from_environ(NEEDED)
    assert settings.watch_namespaces == ()
    assert settings.resync_seconds == 60
    assert settings.retry_seconds < settings.renew_seconds < settings.lease_seconds


def test_namespaces_are_a_list() -> None:
    assert from_environ({**NEEDED, "ORDERPIPELINE_WATCH_NAMESPACES": "a, b,"}).watch_namespaces == ("a", "b")


def test_ports_are_a_list() -> None:
    assert from_environ({**NEEDED, "ORDERPIPELINE_KAFKA_PORTS": "9092, 9096"}).kafka_ports == (9092, 9096)
    assert from_environ({**NEEDED, "ORDERPIPELINE_KAFKA_PORTS": "none"}).kafka_ports == ()
    assert from_environ({**NEEDED, "ORDERPIPELINE_KAFKA_PORTS": ""}).kafka_ports is None
    assert from_environ(NEEDED).kafka_ports is None


def test_how_pipelines_images_are_pulled() -> None:
    plain = from_environ({**NEEDED, "ORDERPIPELINE_IMAGE_PULL_POLICY": "", "ORDERPIPELINE_IMAGE_PULL_SECRETS": ""})
    assert (plain.image_pull_policy, plain.image_pull_secrets) == (None, ())
    given = {"ORDERPIPELINE_IMAGE_PULL_POLICY": "Always", "ORDERPIPELINE_IMAGE_PULL_SECRETS": "a, b"}
    settings = from_environ({**NEEDED, **given})
    assert (settings.image_pull_policy, settings.image_pull_secrets) == ("Always", ("a", "b"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POD_NAME", ""),
        ("ORDERPIPELINE_HTTP_PORT", "x"),
        ("ORDERPIPELINE_HTTP_PORT", "70000"),
        ("ORDERPIPELINE_LOG_LEVEL", "LOUD"),
        ("ORDERPIPELINE_IMAGE_PULL_POLICY", "Sometimes"),
        ("ORDERPIPELINE_RESYNC_SECONDS", "0"),
        ("ORDERPIPELINE_WORKERS", "0"),
        ("ORDERPIPELINE_KAFKA_PORTS", "9092,x"),
        ("ORDERPIPELINE_KAFKA_PORTS", "70000"),
        ("ORDERPIPELINE_METRICS_TLS_CERT", "/nowhere/tls.crt"),
        ("ORDERPIPELINE_SCALING_SECRET_FILE", "/nowhere/secret"),
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


def test_the_scaling_secret_is_that_of_its_file_or_made_at_random(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    given = {**NEEDED, "ORDERPIPELINE_SCALING_SECRET_FILE": str(file)}
    file.write_bytes(b"x" * 40 + b"\n")
    assert from_environ(given).scaling_secret == b"x" * 40
    assert "xxx" not in repr(from_environ(given))
    assert from_environ(NEEDED, lambda count: b"r" * count).scaling_secret == b"r" * 32
    file.write_bytes(b"short\n")
    with pytest.raises(SettingsError, match=r"ORDERPIPELINE_SCALING_SECRET_FILE: .* has 5 bytes"):
        from_environ(given)


async def test_the_token_is_read_anew_when_the_kubelet_has_replaced_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("one")
    (tmp_path / "ca.crt").write_text("CA")
    cluster = in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}, tmp_path)
    assert (cluster.host, cluster.ssl_ca_cert) == ("https://[fd00::1]:6443", str(tmp_path / "ca.crt"))
    assert await authorization(cluster) == ("bearer", "one")
    (tmp_path / "token").write_text("two")
    later(monkeypatch, minutes=2)
    assert await authorization(cluster) == ("bearer", "two")


async def test_a_pod_without_a_token_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="automountServiceAccountToken"):
        await discover({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, tmp_path)


async def test_a_pod_without_the_clusters_ca_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one")
    with pytest.raises(SettingsError, match="service account"):
        await discover({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}, tmp_path)


def kubeconfig(path: Path, user: dict[str, object]) -> str:
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://a:1/", "certificate-authority": "ca.crt"}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(config))
    (path.parent / "ca.crt").write_text("CA")
    return str(path)


async def test_a_kubeconfig_with_files_and_inline_data(tmp_path: Path) -> None:
    encoded = {f"client-{part}-data": base64.b64encode(part.encode()).decode() for part in ("certificate", "key")}
    cluster = await from_kubeconfig(kubeconfig(tmp_path / "config", encoded))
    assert (cluster.host, cluster.ssl_ca_cert) == ("https://a:1", str(tmp_path / "ca.crt"))
    assert [Path(file).read_text() for file in (cluster.cert_file, cluster.key_file)] == ["certificate", "key"]
    assert await authorization(cluster) is None
    with_token = await from_kubeconfig(kubeconfig(tmp_path / "config", {"token": "t"}))
    assert await authorization(with_token) == ("Bearer", "t")


async def test_a_kubeconfig_without_credentials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="neither a token nor a client certificate"):
        await from_kubeconfig(kubeconfig(tmp_path / "config", {}))


async def test_a_kubeconfig_that_lacks_its_context_is_refused(tmp_path: Path) -> None:
    path = Path(kubeconfig(tmp_path / "config", {"token": "t"}))
    path.write_text(path.read_text().replace("current-context: here", "current-context: elsewhere"))
    with pytest.raises(SettingsError, match="elsewhere"):
        await from_kubeconfig(str(path))


async def test_no_cluster_at_all(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="KUBECONFIG"):
        await discover({"HOME": str(tmp_path)})


async def test_kopf_watches_with_the_same_credentials(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one")
    (tmp_path / "ca.crt").write_text("CA")
    cluster = in_cluster({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}, tmp_path)
    info = await connection_info(cluster)
    assert (info.server, info.scheme, info.token) == ("https://10.0.0.1:443", "bearer", "one")
    assert (info.ca_path, info.insecure, info.certificate_path) == (str(tmp_path / "ca.crt"), False, None)
