"""The node: containerd, kubelet and kube-proxy, confined to the cluster's own folders and cgroup."""

import contextlib
import json
import os
import subprocess
from pathlib import Path

from . import controlplane, pki
from .config import DNS_IP, NODE, NODE_IP, NODE_POD_CIDR, POD_CIDR, Paths
from .procs import Processes

CGROUPS = Path("/sys/fs/cgroup")
CGROUP = "orderpipeline"
PAUSE_IMAGE = "localhost/pause:1"
# Settings that the kubelet changes for the whole machine; `down` restores them.
TUNABLES = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
# Folders that containerd, the CNI plugins and the kubelet create at fixed paths.
FIXED_FOLDERS = ("/var/lib/kubelet", "/var/lib/cni", "/var/log/containers", "/run/containerd")


def start_containerd(paths: Paths, processes: Processes) -> None:
    """Start containerd with its store in the cache, and its sockets, namespaces and mounts below `paths.run`."""
    cni = paths.state / "cni"
    cni.mkdir(parents=True, exist_ok=True)
    remember_folders(paths)
    ranges, routes = [[{"subnet": NODE_POD_CIDR}]], [{"dst": "0.0.0.0/0"}]
    ipam = {"type": "host-local", "dataDir": f"{cni}/addresses", "ranges": ranges, "routes": routes}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipMasq": False, "ipam": ipam}
    network = {"cniVersion": "1.0.0", "name": "orderpipeline", "plugins": [bridge]}
    (cni / "10-bridge.conflist").write_text(json.dumps(network, indent=1))
    # restrict_oom_score_adj: root without CAP_SYS_RESOURCE cannot lower it, and runc would fail.
    config = f"""version = 3
root = "{paths.containerd}"
state = "{paths.run}/containerd"
[grpc]
address = "{socket_of(paths)}"
[ttrpc]
address = "{socket_of(paths)}.ttrpc"
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "{cni}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{PAUSE_IMAGE}"
"""
    (paths.state / "containerd.toml").write_text(config)
    paths.run.mkdir(parents=True, exist_ok=True)
    command = [f"{paths.bin}/containerd", "-c", f"{paths.state}/containerd.toml"]
    processes.start("containerd", command, inputs=config, env={"PATH": f"{paths.bin}:{os.environ['PATH']}"})


def socket_of(paths: Paths) -> Path:
    """containerd's socket, for ctr and the kubelet."""
    return paths.run / "containerd.sock"


def ctr(paths: Paths, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ctr on the cluster's containerd, in the namespace that Kubernetes uses."""
    command = [f"{paths.bin}/ctr", "-a", str(socket_of(paths)), "-n", "k8s.io", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def start_kubelet(paths: Paths, processes: Processes, folder: Path) -> None:
    """Start the kubelet, with the pods in their own cgroup. folder: the cluster's certificates."""
    pki.issue(folder, "ca", "kubelet", f"/O=system:nodes/CN=system:node:{NODE}", f"DNS:{NODE},IP:{NODE_IP}")
    controlplane.write_kubeconfig(paths.state / "kubelet.kubeconfig", f"https://{NODE_IP}:6443", folder, "kubelet")
    make_cgroups()
    _remember_tunables(paths)
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "containerRuntimeEndpoint": f"unix://{socket_of(paths)}",
        "clusterDNS": [DNS_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": str(paths.native / "resolv.conf"),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{folder}/ca.crt"},
        },
        "tlsCertFile": f"{folder}/kubelet.crt",
        "tlsPrivateKeyFile": f"{folder}/kubelet.key",
        "failSwapOn": False,
        "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,  # images are loaded locally; the kubelet could not fetch them again
        "localStorageCapacityIsolation": False,
        "enforceNodeAllocatable": [],
        "makeIPTablesUtilChains": False,
        "podLogsDir": f"{paths.state}/pod-logs",
        "volumePluginDir": f"{paths.state}/volume-plugins",
        "serializeImagePulls": False,
    }
    text = json.dumps(config, indent=1)
    (paths.state / "kubelet.json").write_text(text)
    command = [
        f"{paths.bin}/kubelet",
        f"--config={paths.state}/kubelet.json",
        f"--kubeconfig={paths.state}/kubelet.kubeconfig",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_IP}",
        f"--root-dir={paths.state}/kubelet",
        "--node-labels=topology.kubernetes.io/zone=zone-0,topology.kubernetes.io/region=local",
    ]
    processes.start("kubelet", command, inputs=text)


def start_proxy(paths: Paths, processes: Processes, folder: Path) -> None:
    """Start kube-proxy with nftables; its rules stay inside the network namespace."""
    pki.issue(folder, "ca", "kube-proxy", "/CN=system:kube-proxy")
    controlplane.write_kubeconfig(
        paths.state / "kube-proxy.kubeconfig", f"https://{NODE_IP}:6443", folder, "kube-proxy"
    )
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": POD_CIDR,
        "hostnameOverride": NODE,
        "clientConnection": {"kubeconfig": f"{paths.state}/kube-proxy.kubeconfig"},
        "conntrack": {"maxPerCore": 0},
    }
    text = json.dumps(config, indent=1)
    path = paths.state / "kube-proxy.json"
    if not path.exists() or path.read_text() != text:  # a running kube-proxy exits when its file is written
        path.write_text(text)
    processes.start("kube-proxy", [f"{paths.bin}/kube-proxy", f"--config={paths.state}/kube-proxy.json"], inputs=text)


def make_cgroups() -> None:
    """Make the cgroup for all pods: one per hierarchy of cgroup v1, or one of v2 with its controllers enabled."""
    if (CGROUPS / "cgroup.controllers").exists():
        for parent in (CGROUPS, CGROUPS / CGROUP):
            parent.mkdir(exist_ok=True)
            for controller in (parent / "cgroup.controllers").read_text().split():
                (parent / "cgroup.subtree_control").write_text(f"+{controller}")
        return
    for hierarchy in CGROUPS.iterdir():
        if hierarchy.is_dir() and not hierarchy.is_symlink() and (hierarchy / "cgroup.procs").exists():
            (hierarchy / CGROUP).mkdir(exist_ok=True)
    for name in ("cpuset.cpus", "cpuset.mems"):  # empty in a new cpuset, in which nothing could run
        source = CGROUPS / "cpuset" / name
        if source.exists():
            (CGROUPS / "cpuset" / CGROUP / name).write_text(source.read_text())


def remove_cgroups() -> None:
    """Remove the pods' cgroups, deepest first; they are empty once the pods are gone."""
    roots = [CGROUPS / CGROUP, *CGROUPS.glob(f"*/{CGROUP}")]
    for root in roots:
        if root.is_dir():
            for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
                folder.rmdir()
            root.rmdir()


def remember_folders(paths: Paths) -> None:
    """Record which fixed folders do not exist before the first start, so that `remove_folders` can remove them."""
    noted = paths.state / "made-folders"
    if not noted.exists():
        noted.write_text("".join(f"{folder}\n" for folder in FIXED_FOLDERS if not Path(folder).exists()))


def remove_folders(paths: Paths) -> None:
    """Remove the fixed folders that were created for this cluster, unless they contain more than sockets."""
    for result in Path("/var/lib/cni/results").glob(
        "*"
    ):  # a pod's address, recorded with the path of its network namespace
        if f"{paths.run}/" in result.read_text(errors="replace"):
            result.unlink()
    noted = paths.state / "made-folders"
    for root in map(Path, noted.read_text().split() if noted.exists() else []):
        for path in [*sorted(root.rglob("*"), reverse=True), root]:
            with contextlib.suppress(OSError):  # in use by someone else
                if path.is_socket() or path.is_symlink():
                    path.unlink()
                else:
                    path.rmdir()


def restore_tunables(paths: Paths) -> None:
    """Restore the kernel settings that the kubelet has changed."""
    saved = paths.state / "tunables.json"
    if saved.exists():
        for name, value in json.loads(saved.read_text()).items():
            Path("/proc/sys", name).write_text(value)


def _remember_tunables(paths: Paths) -> None:
    saved = paths.state / "tunables.json"
    if not saved.exists():
        known = [name for name in TUNABLES if Path("/proc/sys", name).exists()]
        saved.write_text(json.dumps({name: Path("/proc/sys", name).read_text() for name in known}))
