"""The local cluster's folders and addresses."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPO: Final = Path(__file__).resolve().parents[2]

NETNS: Final = "orderpipeline"
NODE: Final = "node-0"
NODE_IP: Final = "10.77.0.1"
POD_CIDR: Final = "10.244.0.0/16"
NODE_POD_CIDR: Final = "10.244.0.0/24"
SERVICE_CIDR: Final = "10.96.0.0/16"
API_SERVICE_IP: Final = "10.96.0.1"
DNS_IP: Final = "10.96.0.10"
API_PORT: Final = 6443
"""The API server's port inside the namespace, and the one forwarded on the host's 127.0.0.1."""
HTTP_PORT: Final = 8080
HTTPS_PORT: Final = 8443
"""The ingress, in the namespace (Envoy listens there) and forwarded on the host's 127.0.0.1."""


@dataclass(frozen=True)
class Paths:
    """The folders of one cluster. `cache` survives `down`; `state` and `run` do not."""

    cache: Path

    @classmethod
    def from_env(cls) -> "Paths":
        """The folder named by ORDERPIPELINE_CACHE, or ~/.cache/orderpipeline."""
        return cls(Path(os.environ.get("ORDERPIPELINE_CACHE") or Path.home() / ".cache" / "orderpipeline").resolve())

    @property
    def native(self) -> Path:
        return self.cache / "native"

    @property
    def bin(self) -> Path:
        """Binaries built from Go modules, each with a stamp of its inputs."""
        return self.native / "bin"

    @property
    def share(self) -> Path:
        """Manifests that come with the built modules."""
        return self.native / "share"

    @property
    def build(self) -> Path:
        """Go projects of the builds, and a log for each."""
        return self.native / "build"

    @property
    def images(self) -> Path:
        """Image archives, wheels, and the hashes of their inputs."""
        return self.native / "images"

    @property
    def containerd(self) -> Path:
        """containerd's content store; it survives `down`, so that a warm start imports nothing."""
        return self.native / "containerd"

    @property
    def state(self) -> Path:
        """What exists as long as the cluster: certificates, etcd's data, the kubelet's folder, volumes."""
        return self.native / "state"

    @property
    def logs(self) -> Path:
        """A log per process; they survive `down`."""
        return self.native / "logs"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig for the host, with the API server at 127.0.0.1."""
        return self.native / "kubeconfig"

    @property
    def run(self) -> Path:
        """Sockets and containerd's state: short paths on a file system that a reboot clears."""
        return Path("/run") / f"{NETNS}-cluster"
