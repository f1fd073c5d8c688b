"""The external metrics API behind a real API server: aggregation, front-proxy certificate, RBAC, refusals."""

import asyncio
import base64
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from hack.native import pki
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.kubernetes.credentials import from_kubeconfig
from orderpipeline_operator.adapters.metrics_api import discovery, server
from orderpipeline_operator.adapters.metrics_api.authentication import FrontProxyConfigMap
from orderpipeline_operator.adapters.metrics_api.authorization import Authorizer
from orderpipeline_operator.adapters.metrics_api.tls import Tls
from orderpipeline_operator.adapters.metrics_api.values import StatusValues
from orderpipeline_operator.domain.kubernetes.apiservice import APISERVICE_NAME, METRICS_GROUP, apiservice_problem
from tests.support.apiserver import ApiServer
from tests.support.ports import free_ports
from tests.support.waiting import Deadline, eventually, settles

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[4]
BASE = f"/apis/{METRICS_GROUP}/v1beta1"
SPACE = "metrics-api"
DESIRED = f"{BASE}/namespaces/{SPACE}/orderpipeline_desired_consumers"
OPERATOR, SCALER = "metrics-api-operator", "metrics-api-hpa"
RIGHTS = (
    ("list", "orderpipelines.orderpipeline.dev", "-n", SPACE),
    ("create", "subjectaccessreviews.authorization.k8s.io"),
    ("get", "configmaps/extension-apiserver-authentication", "-n", "kube-system"),
)
"""Of each of the operator's bindings one, to be in force when the tests begin."""


@dataclass
class Api:
    """The running server and the API server in front of it."""

    apiserver: ApiServer
    folder: Path
    ca: Path
    address: tuple[str, int]
    task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return "https://{}:{}".format(*self.address)

    def client(self, cert: str | None) -> ssl.SSLContext:
        """TLS of a client that calls the server directly, under the name that the API server uses."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.check_hostname = False
        if cert is not None:
            context.load_cert_chain(f"{cert}.crt", f"{cert}.key")
        return context

    async def get(self, path: str, cert: str | None = None, **headers: str) -> tuple[int, dict, str]:
        """Status, JSON and content type of a direct call."""
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.url + path, ssl=self.client(cert), headers=sent) as reply,
        ):
            return reply.status, await reply.json(content_type=None), reply.headers["Content-Type"]

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])

    @property
    def front(self) -> str:
        return str(self.apiserver.front_proxy_cert.with_suffix(""))

    async def kubectl(self, *arguments: str, apply: object = None) -> str:
        text = None if apply is None else json.dumps(apply)
        return await asyncio.to_thread(self.apiserver.kubectl, *arguments, input=text)


def _rbac() -> list[dict]:
    """What the chart grants, to a user instead of a ServiceAccount."""
    group, version = "rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1"
    user = {"kind": "User", "name": OPERATOR, "apiGroup": group}

    def binding(kind: str, name: str, role_kind: str, role: str, namespace: str | None, subject: dict) -> dict:
        meta = {"name": name} | ({"namespace": namespace} if namespace else {})
        ref = {"apiGroup": group, "kind": role_kind, "name": role}
        return {"apiVersion": version, "kind": kind, "metadata": meta, "roleRef": ref, "subjects": [subject]}

    def role(name: str, api: str, resources: list[str], verbs: list[str]) -> dict:
        rules = [{"apiGroups": [api], "resources": resources, "verbs": verbs}]
        return {"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}

    reader = "extension-apiserver-authentication-reader"
    scaler = {"kind": "User", "name": SCALER, "apiGroup": group}
    return [
        role("ma-pipelines", "orderpipeline.dev", ["orderpipelines"], ["get", "list"]),
        role("ma-metrics", METRICS_GROUP, list(discovery.METRICS), ["get", "list"]),
        binding("ClusterRoleBinding", "ma-delegator", "ClusterRole", "system:auth-delegator", None, user),
        binding("ClusterRoleBinding", "ma-pipelines", "ClusterRole", "ma-pipelines", None, user),
        binding("ClusterRoleBinding", "ma-metrics", "ClusterRole", "ma-metrics", None, scaler),
        binding("RoleBinding", "ma-reader", "Role", reader, "kube-system", user),
    ]


def _registration(port: int, ca: bytes) -> list[dict]:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "metrics", "namespace": SPACE}}
    spec = {
        "group": METRICS_GROUP, "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
        "caBundle": base64.b64encode(ca).decode(), "service": {"namespace": SPACE, "name": "metrics", "port": port},
    }  # fmt: skip
    kind = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": APISERVICE_NAME}}
    return [service | {"spec": {"type": "ExternalName", "externalName": "localhost"}}, kind | {"spec": spec}]


@pytest.fixture
async def api(apiserver: ApiServer, tmp_path: Path) -> AsyncIterator[Api]:
    """The server, started as in production: its own Kube client with the chart's rights."""
    (port,) = free_ports(1)
    await asyncio.to_thread(pki.make_authority, tmp_path, "serving-ca")
    await asyncio.to_thread(pki.issue, tmp_path, "serving-ca", "serving", "/CN=m", f"DNS:metrics.{SPACE}.svc")
    running = Api(apiserver, tmp_path, tmp_path / "serving-ca.crt", ("127.0.0.1", port))
    await running.kubectl("apply", "--server-side", "-f", str(ROOT / "crds" / "orderpipeline.yaml"))
    await asyncio.to_thread(apiserver.wait_served, "orderpipelines.orderpipeline.dev")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}
    for manifest in (namespace, *_rbac(), *_registration(port, running.ca.read_bytes())):
        await running.kubectl("apply", "-f", "-", apply=manifest)
    for verb, resource, *where in RIGHTS:
        await asyncio.to_thread(apiserver.wait_may, verb, resource, f"--as={OPERATOR}", *where)
    config = await asyncio.to_thread(apiserver.kubeconfig_for, OPERATOR)
    kube = KubernetesClient(await from_kubeconfig(str(config)))
    clock = asyncio.get_running_loop().time
    open_port = asyncio.Event()
    parts = FrontProxyConfigMap(kube), Authorizer(kube, clock), StatusValues(kube, lambda: 1.7e9, clock)
    tls = Tls(tmp_path / "serving.crt", tmp_path / "serving.key")
    running.task = asyncio.create_task(server.serve_with(*parts, tls, ("127.0.0.1", port), open_port.set))
    try:
        await asyncio.wait_for(open_port.wait(), 60)
        yield running
    finally:
        await running.stop()
        await kube.close()
        await running.kubectl("delete", "apiservice", APISERVICE_NAME, "--ignore-not-found")


async def _pipeline(api: Api, name: str, status: dict | None) -> None:
    made = {"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline", "spec": {}}
    await api.kubectl("apply", "-f", "-", apply=made | {"metadata": {"name": name, "namespace": SPACE}})
    if status is not None:
        patch = json.dumps({"status": status})
        where = ("-n", SPACE, "patch", "opl", name, "--subresource=status", "--type=merge", "-p", patch)
        await api.kubectl(*where)


async def _until(api: Api, path: str, *arguments: str) -> dict:
    """The answer through the API server, which needs a moment to take up an APIService."""
    deadline = Deadline(path)
    while True:
        result = await asyncio.to_thread(api.apiserver.try_kubectl, "get", "--raw", path, *arguments)
        if result.returncode == 0:
            return json.loads(result.stdout)
        deadline.check(result.stderr)
        await asyncio.sleep(0.3)


async def _told(caplog: pytest.LogCaptureFixture, *texts: str) -> None:
    """Wait until all of these are logged; a client may have its answer before that is written down."""
    await settles(f"{texts} logged", lambda: all(text in caplog.text for text in texts), every=0.05)


async def test_a_scaler_reads_values_through_the_api_server(api: Api) -> None:
    await _pipeline(api, "shop", {"consumers": {"desired": 4}, "lag": {"orders": 1200, "seconds": 2.5}})
    await _pipeline(api, "fresh", None)
    scaler = await asyncio.to_thread(api.apiserver.kubeconfig_for, SCALER)
    as_scaler = f"--kubeconfig={scaler}"
    shop = "?labelSelector=orderpipeline.dev%2Fpipeline%3Dshop"
    answer = await _until(api, DESIRED + shop, as_scaler)
    assert answer["kind"] == "ExternalMetricValueList"
    assert answer["items"] == [
        {
            "metricName": "orderpipeline_desired_consumers", "metricLabels": {"orderpipeline.dev/pipeline": "shop"},
            "timestamp": "2023-11-14T22:13:20Z", "value": "4",
        }
    ]  # fmt: skip
    seconds = DESIRED.replace("desired_consumers", "lag_seconds")
    assert (await _until(api, seconds, as_scaler))["items"][0]["value"] == "2500m"
    # What is not known is absent, not 0: an HPA holds on an empty list.
    assert (await _until(api, DESIRED + shop.replace("shop", "fresh"), as_scaler))["items"] == []


async def test_the_api_server_takes_up_discovery_and_openapi(api: Api) -> None:
    assert {r["name"] for r in (await _until(api, BASE))["resources"]} == set(discovery.METRICS)
    listing = ("api-resources", f"--api-group={METRICS_GROUP}", "--no-headers", "--cached=false")
    assert "orderpipeline_lag_orders" in await eventually("a list", lambda: api.kubectl(*listing), every=0.5)
    available = 'jsonpath={.status.conditions[?(@.type=="Available")].status}'
    assert await api.kubectl("get", "apiservice", APISERVICE_NAME, "-o", available) == "True"
    document = await _until(api, f"/openapi/v3/apis/{METRICS_GROUP}/v1beta1")
    assert f"{BASE}/namespaces/{{namespace}}/orderpipeline_lag_orders" in document["paths"]


async def test_users_without_rights_get_403_and_an_audit_line(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    await _until(api, DESIRED)
    stranger = await asyncio.to_thread(api.apiserver.kubeconfig_for, "metrics-api-stranger")
    with caplog.at_level(logging.WARNING, "orderpipeline.audit"):
        code, status, _ = await api.get(DESIRED, api.front, X_Remote_User="mallory", X_Remote_Group="nobodies")
        result = await asyncio.to_thread(api.apiserver.try_kubectl, "get", "--raw", DESIRED, f"--kubeconfig={stranger}")
        await _told(caplog, "refused 403 GET", "mallory")
    assert (code, status["kind"], status["reason"]) == (403, "Status", "Forbidden")
    assert 'User "mallory" cannot list resource "orderpipeline_desired_consumers"' in status["message"]
    assert "Forbidden" in result.stderr


async def test_only_the_front_proxy_is_believed(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    claims = {"X_Remote_User": SCALER, "X_Remote_Group": "system:masters"}
    with caplog.at_level(logging.WARNING, "orderpipeline.audit"):
        code, status, _ = await api.get(DESIRED, None, **claims)
        assert (code, status["reason"]) == (401, "Unauthorized")
        # The front proxy's CA has signed this one, but for another name.
        certificates = api.apiserver.front_proxy_ca.parent
        await asyncio.to_thread(pki.issue, certificates, "front-ca", "not-front", "/CN=somebody-else")
        code, status, _ = await api.get(DESIRED, str(certificates / "not-front"), **claims)
        assert (code, status["reason"]) == (401, "Unauthorized")
        # A certificate of another CA does not get past the handshake.
        await asyncio.to_thread(pki.issue, api.folder, "serving-ca", "liar", "/CN=front-proxy")
        with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
            await api.get(DESIRED, str(api.folder / "liar"), **claims)
        code, status, _ = await api.get(DESIRED, api.front)
        assert (code, status["reason"]) == (401, "Unauthorized")
        stranger = "'somebody-else', which is not an allowed name"
        await _told(caplog, "no client certificate", stranger, "refused in the TLS handshake")


async def test_what_is_not_there_and_what_cannot_be_read(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "orderpipeline.audit")
    asks = {"X_Remote_User": "root", "X_Remote_Group": "system:masters"}
    code, status, _ = await api.get(f"{BASE}/namespaces/{SPACE}/other_metric", api.front, **asks)
    assert (code, status["reason"]) == (404, "NotFound")
    code, status, _ = await api.get("/apis/other", api.front, **asks)
    assert (code, status["reason"]) == (404, "NotFound")
    code, status, _ = await api.get(DESIRED + "?labelSelector=a%3D%3D%3Db", api.front, **asks)
    assert (code, status["reason"]) == (400, "BadRequest")
    assert "a===b" in status["message"]
    await asyncio.to_thread(
        _read_over_tls, socket.create_connection(api.address), api.client(None), b"\0nonsense\r\n\r\n"
    )
    await _told(caplog, "refused 404 GET", "refused 400 GET", "refused 400 a malformed request from 127.0.0.1")
    assert [each.name for each in caplog.records if each.exc_info] == []


async def test_aggregated_discovery_when_asked(api: Api) -> None:
    wanted = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    asks = {"X_Remote_User": "root", "X_Remote_Group": "system:masters"}
    code, groups, kind = await api.get("/apis", api.front, Accept=f"{wanted},application/json", **asks)
    assert (code, groups["kind"], kind) == (200, "APIGroupDiscoveryList", wanted)
    code, groups, _ = await api.get("/apis", api.front, Accept="application/json", **asks)
    assert (code, groups["kind"]) == (200, "APIGroupList")


async def test_a_foreign_provider_is_seen(api: Api) -> None:
    found = json.loads(await api.kubectl("get", "apiservice", APISERVICE_NAME, "-o", "json"))
    assert apiservice_problem(found, (SPACE, "metrics")) is None
    foreign = apiservice_problem(found, ("orderpipeline-system", "orderpipeline-metrics"))
    assert foreign is not None
    assert f"belongs to {SPACE}/metrics" in foreign


async def test_a_handshake_that_ends_after_the_server_is_refused(api: Api) -> None:
    with socket.create_connection(api.address) as late:
        await asyncio.sleep(0.1)
        await api.stop()
        # A connection that a stopped server kept would neither be answered nor closed.
        with pytest.raises((ConnectionError, ssl.SSLError)):
            await asyncio.to_thread(_read_over_tls, late, api.client(None))


def _read_over_tls(
    plain: socket.socket, context: ssl.SSLContext, request: bytes = b"GET / HTTP/1.1\r\nHost: m\r\n\r\n"
) -> None:
    plain.settimeout(60.0)
    with plain, context.wrap_socket(plain) as stream:
        stream.sendall(request)
        if not stream.recv(1):
            raise ConnectionError("closed")
