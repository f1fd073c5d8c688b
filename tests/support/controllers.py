"""Kubernetes' real controllers, a chosen few of them, on the tests' API server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from hack.native import build
from hack.native.config import Paths
from tests.support.apiserver import ApiServer, _process
from tests.support.ports import free_ports


@contextmanager
def controllers(server: ApiServer, folder: Path, *names: str) -> Iterator[Path]:
    """The kube-controller-manager with these controllers; HPAs are looked at once a second. Gives its log."""
    paths = Paths.from_env()
    build.ensure(paths, ["kube-controller-manager"])
    command = [str(paths.bin / "kube-controller-manager"), f"--kubeconfig={server.kubeconfig}", "--leader-elect=false"]
    command += [f"--controllers={','.join(names)}", "--horizontal-pod-autoscaler-sync-period=1s"]
    command += [f"--secure-port={free_ports(1)[0]}", "--bind-address=127.0.0.1", f"--cert-dir={folder}"]
    with background(command, folder / "kube-controller-manager.log") as log:
        yield log


@contextmanager
def background(
    command: Sequence[str], log: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Path]:
    """A process for as long as this is entered. Gives its log."""
    with _process(list(command), log, environment):
        yield log
