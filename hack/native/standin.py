"""Strimzi in the local cluster: its real CRDs, and a process that stands in for its operators (hack/standin)."""

import hashlib
import subprocess
import sys
from pathlib import Path

from . import controlplane, pki
from .config import API_PORT, NODE_IP, REPO, Paths
from .procs import Processes

RUN = REPO / "hack" / "standin" / "run"


def crds() -> list[Path]:
    """The files of Strimzi's CRDs; the first call generates them into the cache (about a minute)."""
    command = [sys.executable, str(REPO / "hack" / "strimzi-crds")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"Strimzi's CRDs cannot be generated: {result.stderr.strip()[-2000:]}")
    return [Path(line) for line in result.stdout.split()]


def start(paths: Paths, processes: Processes, folder: Path) -> bool:
    """Run the stand-in with the cluster's network and DNS, unless it is running. folder: the cluster's certificates.

    Returns whether it was started.
    """
    pki.issue(folder, "ca", "standin", "/O=system:masters/CN=strimzi-standin")
    kubeconfig = paths.state / "standin.kubeconfig"
    controlplane.write_kubeconfig(kubeconfig, f"https://{NODE_IP}:{API_PORT}", folder, "standin")
    command = [str(REPO / "hack" / "native" / "netns-exec"), str(RUN)]
    environment = {"KUBECONFIG": str(kubeconfig), "ORDERPIPELINE_CACHE": str(paths.cache)}
    return processes.start("standin", command, inputs=_sources(), env=environment, in_netns=False)


def _sources() -> str:
    """A hash of its code, so that a changed stand-in is restarted."""
    digest = hashlib.sha256()
    for folder in ("standin", "kafka"):
        for path in sorted((REPO / "hack" / folder).glob("*")):
            if path.is_file():
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
