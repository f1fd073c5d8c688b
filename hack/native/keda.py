"""KEDA on demand: its real operator and metrics adapter, built from its Go module, as processes of the cluster."""

import base64
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import addons, build, controlplane, pki
from .config import API_PORT, NODE_IP, REPO, Paths
from .progress import say
from .up import Cluster

BINARIES = ("keda", "keda-adapter")
NAMESPACE = "keda"
SERVICE = "keda-metrics-apiserver"
API = "v1beta1.external.metrics.k8s.io"
ADAPTER_PORT = 6444
GRPC_PORT = 9666
ADAPTER_METRICS_PORT, OPERATOR_METRICS_PORT, OPERATOR_HEALTH_PORT = 8085, 8086, 8087
Manifest = dict[str, Any]


def command(native: Cluster, arguments: Sequence[str]) -> None:
    """`hack/cluster keda up|down`. RuntimeError that says what prevents it."""
    if list(arguments) == ["up"]:
        up(native)
    elif list(arguments) == ["down"]:
        down(native)
    else:
        raise RuntimeError("usage: hack/cluster keda up|down")


def up(native: Cluster) -> None:
    """Run KEDA and register it for external metrics. A cluster has one provider of those; another is not replaced."""
    if not native.processes.running("apiserver"):
        raise RuntimeError("the local cluster is not up; run: hack/cluster up")
    owner = _owner(native)
    if owner not in {None, NAMESPACE}:
        raise RuntimeError(f"APIService {API} belongs to namespace {owner}; remove it there, then run this again")
    build.ensure(native.paths, BINARIES, say)
    for crd in crds(native.paths):
        _kubectl(native, "apply", "--server-side", "--force-conflicts", "-f", str(crd))
        _wait_established(native, crd)
    folder = native.paths.state / "keda"
    make_certificates(folder)
    ca = base64.b64encode((folder / "ca.crt").read_bytes()).decode()
    _kubectl(native, "apply", "--server-side", "-f", "-", stdin=addons.as_list(manifests(ca)))
    pki.issue(native.pki, "ca", "keda", "/O=system:masters/CN=keda")
    kubeconfig = native.paths.state / "keda.kubeconfig"
    controlplane.write_kubeconfig(kubeconfig, f"https://{NODE_IP}:{API_PORT}", native.pki, "keda")
    inside = [str(REPO / "hack" / "native" / "netns-exec")]
    environment = {**environ(kubeconfig), "ORDERPIPELINE_CACHE": str(native.paths.cache)}
    for name, line in (
        ("keda-operator", operator_command(native.paths.bin, folder)),
        ("keda-adapter", adapter_command(native.paths.bin, folder, kubeconfig, NODE_IP)),
    ):
        native.processes.start(name, [*inside, *line], env=environment, in_netns=False)
    native.wait("KEDA does not serve external metrics", "keda-adapter", lambda: _available(native), seconds=180)
    say("KEDA is running and serves this cluster's external metrics")


def down(native: Cluster) -> None:
    """Remove KEDA with its ScaledObjects; the Deployments that they scaled stay as they are."""
    if native.processes.running("apiserver"):
        if _owner(native) == NAMESPACE:
            _kubectl(native, "delete", "apiservice", API, "--ignore-not-found")
        names = [crd.stem.removeprefix("keda-") for crd in crds(native.paths)]
        plurals = [".".join(reversed(name.split("_"))) for name in names]
        # While KEDA is running, since it has finalizers on the objects that are deleted with the CRDs.
        _kubectl(native, "delete", "crd", *plurals, "--ignore-not-found", "--timeout=60s")
        _kubectl(native, "delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
    for name in ("keda-adapter", "keda-operator"):
        native.processes.stop(name)
    say("KEDA is removed")


def crds(paths: Paths) -> list[Path]:
    """KEDA's CRDs, copied from its module; nothing is compiled."""
    return build.ensure_files(paths, "keda")


def make_certificates(folder: Path, *more: str) -> None:
    """Make `ca`, and `tls` for both ends of KEDA's own connection and for the API. `more`: further names in `tls`."""
    names = ["IP:127.0.0.1", f"DNS:{SERVICE}.{NAMESPACE}.svc", *more]
    pki.make_authority(folder, "ca")
    pki.issue(folder, "ca", "tls", "/CN=keda", ",".join(names))


def environ(kubeconfig: Path) -> dict[str, str]:
    """The environment of both processes."""
    return {
        "KUBECONFIG": str(kubeconfig),
        "POD_NAMESPACE": NAMESPACE,
        "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE,
        "WATCH_NAMESPACE": "",
    }


def operator_command(binaries: Path, certificates: Path, *, ports: Sequence[int] = ()) -> list[str]:
    """The operator's command line. ports: for gRPC, metrics and health, all on loopback."""
    grpc, metrics, health = ports or (GRPC_PORT, OPERATOR_METRICS_PORT, OPERATOR_HEALTH_PORT)
    return [
        f"{binaries}/keda",
        f"--cert-dir={certificates}",
        f"--metrics-service-bind-address=127.0.0.1:{grpc}",
        f"--metrics-bind-address=127.0.0.1:{metrics}",
        f"--health-probe-bind-address=127.0.0.1:{health}",
        "--zap-log-level=info",
        "--zap-encoder=console",
    ]


def adapter_command(
    binaries: Path, certificates: Path, kubeconfig: Path, address: str, *, ports: Sequence[int] = ()
) -> list[str]:
    """The adapter's command line; it serves on `address`. ports: of its API, the operator's gRPC, its own metrics."""
    api, grpc, metrics = ports or (ADAPTER_PORT, GRPC_PORT, ADAPTER_METRICS_PORT)
    return [
        f"{binaries}/keda-adapter",
        f"--secure-port={api}",
        f"--bind-address={address}",
        f"--client-ca-file={certificates}/ca.crt",
        f"--tls-cert-file={certificates}/tls.crt",
        f"--tls-private-key-file={certificates}/tls.key",
        f"--cert-dir={certificates}",
        f"--metrics-service-address=127.0.0.1:{grpc}",
        f"--port={metrics}",
        *(f"--{flag}-kubeconfig={kubeconfig}" for flag in ("lister", "authentication", "authorization")),
    ]


def manifests(ca: str) -> list[Manifest]:
    """The objects that register the adapter for external metrics. ca: base64 of PEM."""
    group, version = "rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1"
    port = {"name": "https", "port": 443, "protocol": "TCP"}
    controller = {"kind": "ServiceAccount", "name": "horizontal-pod-autoscaler", "namespace": "kube-system"}
    reader, role = (
        "keda-external-metrics-reader",
        {"apiGroups": ["external.metrics.k8s.io"], "resources": ["*"], "verbs": ["*"]},
    )
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICE, "namespace": NAMESPACE}}
        | {"spec": {"ports": [port]}},
        addons.endpoints(SERVICE, NAMESPACE, [port | {"port": ADAPTER_PORT}]),
        {
            "apiVersion": version,
            "kind": "ClusterRole",
            "metadata": {"name": "keda-external-metrics-reader"},
            "rules": [role],
        },
        {
            "apiVersion": version,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "keda-hpa-controller-external-metrics"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": reader},
            "subjects": [controller],
        },
        registration({"namespace": NAMESPACE, "name": SERVICE, "port": 443}, ca),
    ]


def registration(service: Manifest, ca: str) -> Manifest:
    """The APIService of external metrics."""
    version, _, group = API.partition(".")
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": API},
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": ca,
            "service": service,
        },
    }


def _owner(native: Cluster) -> str | None:
    """The namespace of the Service that serves external metrics; None if there is none."""
    found = _kubectl(native, "get", "apiservice", API, "--ignore-not-found", "-o", "json")
    service = json.loads(found)["spec"].get("service") or {} if found.strip() else {}
    return service.get("namespace")


def _available(native: Cluster) -> bool:
    if not native.processes.running("keda-operator"):
        raise RuntimeError(f"KEDA's operator has exited:\n{native.processes.tail('keda-operator')}")
    found = json.loads(_kubectl(native, "get", "apiservice", API, "-o", "json"))
    conditions = (found.get("status") or {}).get("conditions", [])
    return any(each["type"] == "Available" and each["status"] == "True" for each in conditions)


def _wait_established(native: Cluster, crd: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    # kubectl wait fails at once for an object that has no conditions yet
    while native.kubectl("wait", "--for=condition=Established", "-f", str(crd), "--timeout=10s").returncode:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{crd.name} is not established")
        time.sleep(0.2)


def _kubectl(native: Cluster, *arguments: str, stdin: str | None = None) -> str:
    done = native.kubectl(*arguments, stdin=stdin)
    if done.returncode:
        raise RuntimeError(f"kubectl {' '.join(arguments[:3])}: {done.stderr.strip()}")
    return done.stdout
