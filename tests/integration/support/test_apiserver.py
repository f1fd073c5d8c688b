"""The API server fixture is a real API server: it validates, authorises, and aggregates by the front proxy."""

import base64
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hack.native import pki
from tests.support.apiserver import ApiServer
from tests.support.waiting import Deadline

pytestmark = pytest.mark.integration


def test_it_validates_what_is_written(apiserver: ApiServer) -> None:
    bad = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": -1}}
    result = apiserver.try_kubectl("apply", "-f", "-", input=json.dumps(bad))
    assert result.returncode != 0
    assert "spec.template" in result.stderr


def test_a_user_has_only_what_rbac_grants(apiserver: ApiServer) -> None:
    stranger = apiserver.kubeconfig_for("stranger", "nobodies")
    result = apiserver.try_kubectl("get", "secrets", f"--kubeconfig={stranger}")
    assert "Forbidden" in result.stderr
    assert 'User "stranger"' in result.stderr


def test_an_aggregated_api_is_called_with_the_front_proxy_certificate(apiserver: ApiServer, tmp_path: Path) -> None:
    pki.make_authority(tmp_path, "serving-ca")
    pki.issue(tmp_path, "serving-ca", "serving", "/CN=probe", "DNS:probe.default.svc")  # the name that is checked
    seen: list[tuple[str, str]] = []
    server = _echo_server(tmp_path, apiserver.front_proxy_ca, seen)
    try:
        port = server.server_address[1]
        ca = (tmp_path / "serving-ca.crt").read_bytes()
        for manifest in _aggregation(port, ca):
            apiserver.kubectl("apply", "-f", "-", input=json.dumps(manifest))
        answer = _retry(apiserver, "/apis/probe.example.com/v1/things")
        assert json.loads(answer)["kind"] == "ThingList"
        assert ("front-proxy", "admin") in seen
    finally:
        apiserver.kubectl("delete", "apiservice", "v1.probe.example.com", "--ignore-not-found")
        server.shutdown()
        server.server_close()


def _echo_server(folder: Path, client_ca: Path, seen: list[tuple[str, str]]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert isinstance(self.connection, ssl.SSLSocket)
            certificate = self.connection.getpeercert() or {}
            subject = dict(pair[0] for pair in certificate["subject"])  # type: ignore[misc, index, union-attr]
            seen.append((str(subject["commonName"]), self.headers.get("X-Remote-User", "")))
            body = json.dumps({"kind": "ThingList", "apiVersion": "probe.example.com/v1", "items": []}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Quiet."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "serving.crt", folder / "serving.key")
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _aggregation(port: int, ca: bytes) -> list[dict[str, object]]:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "probe", "namespace": "default"}}
    service["spec"] = {"type": "ExternalName", "externalName": "localhost"}  # type: ignore[assignment]
    registration: dict[str, object] = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.probe.example.com"},
        "spec": {
            "group": "probe.example.com",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": base64.b64encode(ca).decode(),
            "service": {"namespace": "default", "name": "probe", "port": port},
        },
    }
    return [dict(service), registration]


def _retry(apiserver: ApiServer, path: str) -> str:
    deadline = Deadline(path)
    while (result := apiserver.try_kubectl("get", "--raw", path)).returncode:
        deadline.check(result.stderr)
        time.sleep(0.2)
    return result.stdout
