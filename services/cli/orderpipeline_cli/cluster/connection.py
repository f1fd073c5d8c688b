"""A connection to the API server with the caller's own rights."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException
from kubernetes.aio.config.kube_config import list_kube_config_contexts

from orderpipeline_cli.exits import UsageError
from orderpipeline_cli.options import ClusterOptions
from orderpipeline_common.runtime import SettingsError
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.kubernetes.credentials import SERVICE_ACCOUNT, from_kubeconfig, in_cluster

DEFAULT_NAMESPACE = "default"
MANAGER = "orderpipeline-cli"
"""Field manager of what this program writes."""


class NoClusterError(UsageError):
    """Nothing says where an API server is, or who the caller is."""


@dataclass(frozen=True)
class Connection:
    """A client, one whose writes are never stored, and the namespace to work in."""

    client: KubernetesClient
    dry_run: KubernetesClient
    namespace: str

    async def json(self, what: str, path: str, query: Mapping[str, str] | None = None) -> Any:
        """GET of any path that answers JSON. `what` says in errors what was tried."""
        return msgspec.json.decode(await self.client.raw(what, path, query or {}, "application/json"))

    async def text(self, what: str, path: str, query: Mapping[str, str] | None = None) -> str:
        """GET of any path that answers text; what is not UTF-8 in it is replaced."""
        return (await self.client.raw(what, path, query or {}, "*/*")).decode(errors="replace")


@asynccontextmanager
async def connected(options: ClusterOptions, environ: Mapping[str, str] = os.environ) -> AsyncIterator[Connection]:
    """Connect as kubectl would: --kubeconfig, $KUBECONFIG, ~/.kube/config, or from inside a pod its service account.

    Raises NoClusterError when there is no such configuration.
    """
    try:
        configuration, namespace = await _configuration(options, environ)
    except (SettingsError, ConfigException) as error:
        raise NoClusterError(f"{error}, or give --kubeconfig, and --context for another of its contexts") from None
    client = KubernetesClient(configuration)
    dry_run = KubernetesClient(configuration, dry_run=True)
    try:
        yield Connection(client, dry_run, options.namespace or namespace)
    finally:
        await client.close()
        await dry_run.close()


async def _configuration(options: ClusterOptions, environ: Mapping[str, str]) -> tuple[Configuration, str]:
    home = Path(environ.get("HOME", "/")) / ".kube" / "config"
    paths = str(options.kubeconfig or environ.get("KUBECONFIG") or home)
    named = options.kubeconfig or options.context or environ.get("KUBECONFIG")
    if not named and not home.is_file() and environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(environ), (SERVICE_ACCOUNT / "namespace").read_text().strip()
    configuration = await from_kubeconfig(paths, options.context)
    return configuration, _namespace(paths, options.context)


def _namespace(paths: str, context: str | None) -> str:
    contexts, current = list_kube_config_contexts(paths)
    chosen = next((one for one in contexts if one["name"] == context), None) if context else current
    return str(((chosen or {}).get("context") or {}).get("namespace") or DEFAULT_NAMESPACE)
