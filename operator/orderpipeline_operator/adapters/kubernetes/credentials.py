"""Where the API server is and how to prove who we are: the pod's service account, or a kubeconfig.

The Kubernetes client reads both. What it needs as a file (a kubeconfig's inline certificates) it keeps in the
temporary folder until the process ends.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_kube_config
from kubernetes.aio.config.incluster_config import InClusterConfigLoader

from orderpipeline_common.runtime import SettingsError

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CONNECTIONS: Final = 32
"""Concurrent requests to the API server."""


async def discover(environ: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Configuration:
    """KUBECONFIG wins, then the pod's service account, then ~/.kube/config. Raises SettingsError when there is none."""
    if environ.get("KUBECONFIG"):
        return await from_kubeconfig(environ["KUBECONFIG"])
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(environ, folder)
    return await from_kubeconfig(str(Path(environ.get("HOME", "/")) / ".kube" / "config"))


def in_cluster(environ: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Configuration:
    """The service account of this pod. The kubelet replaces its token every hour; it is reread every minute."""
    token = folder / "token"
    if not token.is_file():
        raise SettingsError(f"{token} is missing: set automountServiceAccountToken on the operator's pod")
    config = Configuration(connection_pool_maxsize=CONNECTIONS)
    try:
        InClusterConfigLoader(str(token), str(folder / "ca.crt"), environ=environ).load_and_set(config)
    except ConfigException as error:
        raise SettingsError(f"the pod's service account in {folder}: {error}") from error
    return config


async def from_kubeconfig(paths: str, context: str | None = None) -> Configuration:
    """A context (None: the current one) of a kubeconfig, or of several joined by a colon.

    A login plugin is run once. When its token expires, the lead is lost and the process ends; start it again.
    """
    if not _any_file(paths):
        raise SettingsError(f"no API server: {paths} does not exist and this is not a pod; set KUBECONFIG")
    config = Configuration(connection_pool_maxsize=CONNECTIONS)
    try:
        await load_kube_config(paths, context, client_configuration=config, persist_config=False)
    except ConfigException as error:
        raise SettingsError(f"{paths}: {error}") from error
    if not (config.api_key or config.cert_file):
        raise SettingsError(f"{paths}: the context's user gives neither a token nor a client certificate")
    return config


async def authorization(config: Configuration) -> tuple[str, str] | None:
    """Scheme and secret to send, such as `("bearer", token)`; None when a client certificate is used."""
    value: str | None = await config.get_api_key_with_prefix("BearerToken")
    if value is None:
        return None
    scheme, _, secret = value.partition(" ")
    return scheme, secret


def _any_file(paths: str) -> bool:
    return any(Path(path).is_file() for path in paths.split(":"))
