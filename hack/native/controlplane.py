"""Command lines and kubeconfigs of the control plane, for the cluster and for the tests' bare API server."""

import base64
import json
from pathlib import Path


def etcd_command(binary: Path, data: Path, client_port: int, peer_port: int) -> list[str]:
    """A single etcd on loopback that does not sync to disk: its data is as short-lived as the cluster."""
    client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    return [
        str(binary),
        f"--data-dir={data}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def apiserver_command(
    binary: Path, pki: Path, etcd_port: int, port: int, services: str, extra: tuple[str, ...]
) -> list[str]:
    """An API server with RBAC, service account tokens and the aggregation layer."""
    return [
        str(binary),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--secure-port={port}",
        f"--service-cluster-ip-range={services}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--allow-privileged",
        f"--requestheader-client-ca-file={pki}/front-ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front.crt",
        f"--proxy-client-key-file={pki}/front.key",
        *extra,
    ]


def write_kubeconfig(path: Path, server: str, pki: Path, user: str) -> None:
    """Write a self-contained kubeconfig for the client certificate `<user>.crt`, as JSON, which is also YAML."""

    def data(name: str) -> str:
        return base64.b64encode((pki / name).read_bytes()).decode()

    cluster = {"server": server, "certificate-authority-data": data("ca.crt")}
    credentials = {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "orderpipeline", "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": "orderpipeline", "context": {"cluster": "orderpipeline", "user": user}}],
        "current-context": "orderpipeline",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content, indent=1) + "\n")
