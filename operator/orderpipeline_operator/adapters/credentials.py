"""Where the API server is and how to prove who we are: the pod's service account, or a kubeconfig."""

import base64
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from orderpipeline_common.runtime import SettingsError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Cluster:
    """One API server. `token()` gives the bearer token to send now, or None when a client certificate speaks for us."""

    server: str
    ca: str | None
    """PEM; None: the system's CAs."""
    token: Callable[[], str | None]
    certificate: tuple[str, str] | None = None
    """PEM of the client certificate and its key."""

    def ssl_context(self) -> ssl.SSLContext:
        """TLS as a client of this server."""
        context = ssl.create_default_context(cadata=self.ca)
        if self.certificate:
            # ssl loads client certificates from files only.
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
                pair.write("\n".join(self.certificate))
                pair.flush()
                context.load_cert_chain(pair.name)
        return context


def discover(environ: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Cluster:
    """KUBECONFIG wins, then the pod's service account, then ~/.kube/config. Raises SettingsError when there is none."""
    if environ.get("KUBECONFIG"):
        return from_kubeconfig(Path(environ["KUBECONFIG"].split(":")[0]))
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(environ, folder)
    return from_kubeconfig(Path(environ.get("HOME", "/")) / ".kube" / "config")


def in_cluster(environ: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Cluster:
    """The service account of this pod. The token is read anew for each request: the kubelet replaces it every hour."""
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = folder / "token"
    if not token.is_file():
        raise SettingsError(f"{token} is missing: set automountServiceAccountToken on the operator's pod")
    authority = f"[{host}]" if ":" in host else host
    return Cluster(f"https://{authority}:{port}", (folder / "ca.crt").read_text(), lambda: token.read_text().strip())


def from_kubeconfig(path: Path) -> Cluster:
    """The current context of a kubeconfig; certificates and static tokens, inline or in files."""
    if not path.is_file():
        raise SettingsError(f"no API server: {path} does not exist and this is not a pod; set KUBECONFIG")
    config = yaml.safe_load(path.read_text())
    context = _named(config, "contexts", config["current-context"])["context"]
    cluster = _named(config, "clusters", context["cluster"])["cluster"]
    user = _named(config, "users", context["user"])["user"]
    if "exec" in user or "auth-provider" in user:
        raise SettingsError(f"{path}: user {context['user']} logs in by a plugin; use a token or a client certificate")
    certificate, key = _pem(user, "client-certificate", path), _pem(user, "client-key", path)
    pair = (certificate, key) if certificate and key else None
    token: str | None = user.get("token")
    return Cluster(cluster["server"].rstrip("/"), _pem(cluster, "certificate-authority", path), lambda: token, pair)


def _named(config: dict[str, Any], section: str, name: str) -> dict[str, Any]:
    for entry in config.get(section) or ():
        if entry["name"] == name:
            return dict(entry)
    raise SettingsError(f"kubeconfig: {section} has no entry {name}")


def _pem(entry: dict[str, Any], field: str, path: Path) -> str | None:
    if f"{field}-data" in entry:
        return base64.b64decode(entry[f"{field}-data"]).decode()
    return (path.parent / entry[field]).read_text() if field in entry else None
