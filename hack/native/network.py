"""The cluster's network namespace: a bridge with the node's address and no route out of it."""

import subprocess
from pathlib import Path

from .config import DNS_IP, NETNS, NODE_IP, Paths
from .procs import netns_prefix

NETNS_FOLDER = Path("/run/netns")
BRIDGE_FILTER = Path("/proc/sys/net/bridge")
"""Exists if bridged packets pass the firewall (kernel module br_netfilter). Otherwise a pod that is reached through a
Service replies from its own address, and connections between pods of this node fail."""
RESOLV_CONF = (
    f"nameserver {DNS_IP}\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
)


def take_ownership(paths: Paths) -> None:
    """Make this cache's cluster the machine's only one: namespace, sockets and ports exist once.

    RuntimeError if the cluster of another cache folder is up.
    """
    owner = owner_of(paths)
    if owner not in {None, str(paths.cache)}:
        raise RuntimeError(
            f"the cluster of another cache is up; take it down first: ORDERPIPELINE_CACHE={owner} hack/cluster down"
        )
    paths.run.mkdir(parents=True, exist_ok=True)
    (paths.run / "owner").write_text(str(paths.cache))


def owner_of(paths: Paths) -> str | None:
    """The cache folder of the cluster that is up, entirely or in part; None if there is none."""
    owner = paths.run / "owner"
    return owner.read_text() if owner.exists() else None


def make(paths: Paths) -> None:
    """Make the namespace, its loopback, the node's bridge and a default route, unless they exist."""
    if not BRIDGE_FILTER.exists():
        _run(["modprobe", "br_netfilter"])
    if not (NETNS_FOLDER / NETNS).exists():
        if not _is_mount(NETNS_FOLDER):
            paths.state.mkdir(parents=True, exist_ok=True)
            (paths.state / "made-netns-folder").touch()
        _run(["ip", "netns", "add", NETNS])
    inside = netns_prefix()
    _run([*inside, "ip", "link", "set", "lo", "up"])
    if subprocess.run([*inside, "ip", "link", "show", "node0"], capture_output=True, check=False).returncode:
        _run([*inside, "ip", "link", "add", "node0", "type", "bridge"])
        _run([*inside, "ip", "addr", "add", f"{NODE_IP}/24", "dev", "node0"])
    _run([*inside, "ip", "link", "set", "node0", "up"])
    _run([*inside, "ip", "route", "replace", "default", "dev", "node0"])
    settings = ["net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet"]
    script = "; ".join(f"echo 1 > /proc/sys/{setting}" for setting in settings)
    _run([*inside, "sh", "-ec", script])
    paths.native.mkdir(parents=True, exist_ok=True)
    (paths.native / "resolv.conf").write_text(RESOLV_CONF)


def remove(paths: Paths) -> None:
    """Remove the namespace with its interfaces, addresses and rules."""
    if (NETNS_FOLDER / NETNS).exists():
        _run(["ip", "netns", "delete", NETNS])
    made_here = (paths.state / "made-netns-folder").exists()
    if made_here and _is_mount(NETNS_FOLDER) and not any(NETNS_FOLDER.iterdir()):
        _run(["umount", str(NETNS_FOLDER)])
        NETNS_FOLDER.rmdir()


def _is_mount(path: Path) -> bool:
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == str(path) for line in mounts)


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
