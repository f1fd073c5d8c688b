"""The local cluster does what the pipeline leans on: storage that is cleaned up, names, Ingress and HTTPRoute."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from hack.native.config import HTTP_PORT, REPO, Paths
from tests.e2e.cluster import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

NAMESPACE = "probe"
IMAGE = "localhost/orderpipeline/producer:dev"


@pytest.fixture(scope="module")
def probe(cluster: Cluster) -> Iterator[Cluster]:
    """A web server that serves a file of its volume, behind a Service, an Ingress and an HTTPRoute."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects())})
    try:
        cluster.kubectl("apply", "-f", "-", stdin=manifests)
        cluster.kubectl("--namespace", NAMESPACE, "rollout", "status", "deployment/web", "--timeout=280s")
        yield cluster
    finally:
        cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=280s")


def test_an_ingress_and_a_route_answer_on_loopback(probe: Cluster) -> None:
    for host in ("ingress.localhost", "route.localhost"):
        wait_until(f"{host} answers", partial(answers, host), seconds=180)


def test_pods_resolve_services_and_nothing_outside(probe: Cluster) -> None:
    program = "import socket; print(socket.gethostbyname('web'))"
    address = probe.kubectl("--namespace", NAMESPACE, "exec", "deploy/web", "--", "python3", "-c", program).strip()
    service = probe.get("service", "web", "--namespace", NAMESPACE)
    assert address == service["spec"]["clusterIP"]
    outside = "import socket; socket.gethostbyname('example.com')"
    failed = probe.kubectl("--namespace", NAMESPACE, "exec", "deploy/web", "--", "python3", "-c", outside, check=False)
    assert failed == ""


def test_host_processes_join_by_netns_exec(probe: Cluster) -> None:
    program = "import urllib.request as r; print(r.urlopen('http://web.probe.svc').read().decode())"
    assert probe.run(str(REPO / "hack/native/netns-exec"), "python3", "-c", program).strip() == "from the volume"
    with pytest.raises(socket.gaierror):
        socket.gethostbyname("web.probe.svc")


def test_a_volume_goes_with_its_claim(probe: Cluster) -> None:
    claim = probe.get("pvc", "data", "--namespace", NAMESPACE)
    folder = Paths.from_env().state / "volumes" / claim["spec"]["volumeName"]
    assert (folder / "index.html").read_text() == "from the volume"
    probe.kubectl("--namespace", NAMESPACE, "delete", "deployment/web", "pvc/data", "--timeout=280s")
    wait_until("the volume's folder is removed", lambda: not folder.exists(), seconds=180)
    wait_until("the volume is removed", lambda: not probe.get("pv", folder.name), seconds=180)


def answers(host: str) -> bool:
    request = urllib.request.Request(f"http://127.0.0.1:{HTTP_PORT}/", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return bool(response.read() == b"from the volume")
    except (urllib.error.URLError, ConnectionError):
        return False


def objects() -> Iterator[dict[str, Any]]:
    """What the probe is made of; the pod is as restricted as the product's."""
    about = {"metadata": {"name": "web", "namespace": NAMESPACE}}
    program = "echo -n 'from the volume' > /data/index.html; exec python3 -m http.server 8000 -d /data"
    container = {
        "name": "web",
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", program],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    user = {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {
        "securityContext": user,
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    }
    labels = {"app": "web"}
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    yield {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    deployment = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    yield {"apiVersion": "apps/v1", "kind": "Deployment", **about, "spec": deployment}
    service = {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]}
    yield {"apiVersion": "v1", "kind": "Service", **about, "spec": service}
    rule = {"host": "ingress.localhost", "http": {"paths": [path]}}
    yield {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", **about, "spec": {"rules": [rule]}}
    route = {
        "parentRefs": [{"name": "contour", "namespace": "projectcontour"}],
        "hostnames": ["route.localhost"],
        "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
    }
    yield {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", **about, "spec": route}
