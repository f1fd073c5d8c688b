"""Brings the native cluster up. Every step checks what exists already, so it can be resumed and repeated in seconds."""

import hashlib
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from . import addons, build, controlplane, images, loading, network, node, pki, prerequisites, standin
from .config import API_PORT, API_SERVICE_IP, NODE, NODE_IP, POD_CIDR, SERVICE_CIDR, Paths
from .files import locked
from .procs import Processes, netns_prefix
from .progress import Step, run

ETCD_PORT, ETCD_PEER_PORT = 2379, 2380
KUBERNETES = ("kube-apiserver", "kubectl", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
CONTAINERS = ("containerd", "containerd-shim-runc-v2", "ctr", "pause")
BINARIES = ("etcd", *KUBERNETES, *CONTAINERS, "coredns", "contour", "helm", "kubeconform")
CONTROL_PLANE = ("etcd", "apiserver", "controller-manager", "scheduler")
PROCESSES = (
    *CONTROL_PLANE,
    "containerd",
    "kubelet",
    "kube-proxy",
    "coredns",
    "contour",
    "envoy",
    "storage",
    "forward",
    "standin",
)


class Cluster:
    """The native cluster of one cache folder."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.pki = paths.state / "pki"
        self.processes = Processes(paths.state / "processes", paths.logs)

    def up(self) -> None:
        """From any state to a Ready cluster. RuntimeError that names the part that failed and its log."""
        with locked(self.paths.native / "lock"):
            network.take_ownership(self.paths)
            self._up()

    def _up(self) -> None:
        fresh = not (self.paths.bin / ".stamps" / "envoy").exists()
        run(
            [
                Step("Debian packages", 60 if prerequisites.missing_packages() else 0, prerequisites.install),
                Step("Kubernetes and its parts", build.seconds_of(self.paths, BINARIES), self._build),
                Step("Envoy", 5 if fresh else 0, lambda _: addons.fetch_envoy(self.paths)),
                Step("control plane", 4, lambda _: self._control_plane()),
                Step("node", 4, lambda _: self._node()),
                Step("DNS, ingress, storage", 3, lambda _: self._addons()),
                Step("images built earlier", 0, lambda report: images.load_built(self.paths, report)),
                Step("Strimzi's CRDs and stand-in", 3, lambda _: self._standin()),
            ]
        )

    def kubectl(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator, inside the network namespace, since the forwarder may not be running yet."""
        command = [f"{self.paths.bin}/kubectl", f"--kubeconfig={self.paths.state}/admin.kubeconfig", *arguments]
        limits = [f"--cache-dir={self.paths.state}/kubectl-cache", "--request-timeout=30s"]
        return subprocess.run(
            [*netns_prefix(), *command, *limits], input=stdin, capture_output=True, text=True, check=False
        )

    def wait(self, what: str, process: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until `ready()`. RuntimeError with the end of the log if the process exits or time is up."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.processes.running(process) or time.monotonic() > deadline:
                log = self.processes.logs / f"{process}.log"
                raise RuntimeError(f"{what}; the end of {log}:\n{self.processes.tail(process)}")
            time.sleep(0.1)

    def _build(self, report: Callable[[str], None]) -> None:
        build.ensure(self.paths, BINARIES, report)

    def _control_plane(self) -> None:
        self.paths.state.mkdir(parents=True, exist_ok=True, mode=0o755)
        pki.make_control_plane(self.pki, ("127.0.0.1", NODE_IP, API_SERVICE_IP))
        network.make(self.paths)
        server = f"https://{NODE_IP}:{API_PORT}"
        controlplane.write_kubeconfig(self.paths.state / "admin.kubeconfig", server, self.pki, "admin")
        binaries, start = self.paths.bin, self.processes.start
        etcd = controlplane.etcd_command(binaries / "etcd", self.paths.state / "etcd", ETCD_PORT, ETCD_PEER_PORT)
        start("etcd", etcd)
        extra = (
            f"--advertise-address={NODE_IP}",
            "--authorization-mode=Node,RBAC",
            "--enable-aggregator-routing=true",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={self.pki}/admin.crt",
            f"--kubelet-client-key={self.pki}/admin.key",
            f"--kubelet-certificate-authority={self.pki}/ca.crt",
        )
        binary = binaries / "kube-apiserver"
        start("apiserver", controlplane.apiserver_command(binary, self.pki, ETCD_PORT, API_PORT, SERVICE_CIDR, extra))
        self.wait("the API server is not ready", "apiserver", self._api_ready)
        start("controller-manager", self._component("kube-controller-manager", self._manager_flags()))
        start("scheduler", self._component("kube-scheduler", []))

    def _component(self, name: str, flags: list[str]) -> list[str]:
        pki.issue(self.pki, "ca", name, f"/CN=system:{name}")
        kubeconfig = self.paths.state / f"{name}.kubeconfig"
        controlplane.write_kubeconfig(kubeconfig, f"https://{NODE_IP}:{API_PORT}", self.pki, name)
        authentication = [
            f"--{flag}={kubeconfig}" for flag in ("authentication-kubeconfig", "authorization-kubeconfig")
        ]
        binary = str(self.paths.bin / name)
        return [binary, f"--kubeconfig={kubeconfig}", *authentication, "--leader-elect=false", *flags]

    def _manager_flags(self) -> list[str]:
        return [
            f"--service-account-private-key-file={self.pki}/sa.key",
            f"--root-ca-file={self.pki}/ca.crt",
            "--use-service-account-credentials",
            f"--cluster-cidr={POD_CIDR}",
            "--allocate-node-cidrs",
            "--horizontal-pod-autoscaler-sync-period=5s",
            f"--flex-volume-plugin-dir={self.paths.state}/volume-plugins",
        ]

    def _node(self) -> None:
        node.start_containerd(self.paths, self.processes)
        self.wait("containerd does not answer", "containerd", lambda: node.ctr(self.paths, "version").returncode == 0)
        loading.load_pause(self.paths)
        node.start_kubelet(self.paths, self.processes, self.pki)
        node.start_proxy(self.paths, self.processes, self.pki)
        self.wait("the node is not Ready", "kubelet", self._node_ready)

    def _addons(self) -> None:
        for name in ("contour-crds.yaml", "gateway-crds.yaml"):
            self._apply_once(name, (self.paths.share / name).read_text())
        self._apply_once("addons", addons.as_list(addons.manifests()))
        addons.start_dns(self.paths, self.processes, self.pki)
        addons.start_ingress(self.paths, self.processes, self.pki)
        addons.start_storage(self.paths, self.processes, self.pki)
        addons.start_forward(self.processes)
        controlplane.write_kubeconfig(self.paths.kubeconfig, f"https://127.0.0.1:{API_PORT}", self.pki, "admin")
        self.wait(
            "CoreDNS is not ready", "coredns", lambda: _answers(f"http://127.0.0.1:{addons.DNS_READY_PORT}/ready")
        )
        ready = f"http://127.0.0.1:{addons.ENVOY_READY_PORT}/ready"
        self.wait("Envoy has no configuration from Contour", "contour", lambda: _answers(ready))
        self.wait("the forwarder does not answer", "forward", self._forward_ready)

    def _standin(self) -> None:
        for crd in standin.crds():
            self._apply_once(crd.name, crd.read_text())
        if standin.start(self.paths, self.processes, self.pki):
            since = time.monotonic()  # a program that cannot start exits within this time
            self.wait("the stand-in does not stay up", "standin", lambda: time.monotonic() - since > 2)

    def _apply_once(self, name: str, manifests: str) -> None:
        """Apply manifests unless they were applied to this cluster already; CRDs are established on return."""
        stamp, wanted = self.paths.state / "applied" / name, hashlib.sha256(manifests.encode()).hexdigest()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        applied = self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifests)
        if applied.returncode:
            raise RuntimeError(f"{name} cannot be applied: {applied.stderr.strip()}")
        if "CustomResourceDefinition" in manifests:
            established = ("wait", "--for=condition=Established", "-f", "-", "--timeout=10s")
            # kubectl wait fails at once for an object that has no conditions yet
            self.wait(f"{name} is not established", "apiserver", lambda: self._ok(*established, stdin=manifests))
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(wanted)

    def _ok(self, *arguments: str, stdin: str) -> bool:
        return self.kubectl(*arguments, stdin=stdin).returncode == 0

    def _api_ready(self) -> bool:
        ready = self.kubectl("get", "--raw", "/readyz").returncode == 0
        return ready and self.kubectl("get", "namespace", "kube-system", "default").returncode == 0

    def _node_ready(self) -> bool:
        result = self.kubectl("get", "node", NODE, "-o", "json")
        conditions = json.loads(result.stdout)["status"].get("conditions", []) if result.returncode == 0 else []
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def _forward_ready(self) -> bool:
        command = [f"{self.paths.bin}/kubectl", f"--kubeconfig={self.paths.kubeconfig}", "--request-timeout=5s"]
        command += ["get", "--raw", "/readyz"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _answers(url: str) -> bool:
    """Whether a URL inside the network namespace answers 200."""
    code = "import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=2)"
    command = [*netns_prefix(), "/usr/bin/env", "python3", "-c", code, url]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def cluster(cache: Path | None = None) -> Cluster:
    """The cluster of a cache folder, by default the one in the environment."""
    return Cluster(Paths(cache) if cache else Paths.from_env())
