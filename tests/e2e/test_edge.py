"""What the real Contour and Envoy make of Kafka that hangs, of connections that are idle, and of bytes that drip."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from hack.native.config import HTTP_PORT, Paths
from orderpipeline_common.contract import Env
from tests.e2e.cluster import Cluster, wait_until
from tests.e2e.test_api import GOOD

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

HOST: Final = "shop.localhost"
UPSTREAM: Final = "default/shop-producer/80/"
STATISTICS: Final = "cluster.default_shop-producer_80"
POOL_IDLE_SECONDS: Final = 3600
"""How long Envoy keeps a connection to a server idle if its configuration does not say."""
FORMER_IDLE_SECONDS: Final = 75
"""After this long the API used to close an idle connection, while Envoy sent a request into it."""


UPLOAD_SECONDS: Final = 25


@pytest.fixture(autouse=True)
def shop(cluster: Cluster) -> None:
    """shop is Ready and takes an order."""
    wait_until("shop Ready", cluster.settled, seconds=600, every=2)
    wait_until("an order is taken", lambda: post()[0] == 202, seconds=180)


def post(order_id: str | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, header fields and body of the answer to one order through the edge."""
    connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=60)
    try:
        order = json.dumps({**GOOD, "order_id": order_id or uuid.uuid4().hex})
        connection.request("POST", "/order", order, {"Host": HOST, "Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
    finally:
        connection.close()


def envoy(path: str) -> str:
    """What Envoy's admin interface answers."""
    command = ["curl", "-sS", "-m", "30", "--unix-socket", f"{Paths.from_env().run}/envoy-admin.sock"]
    return subprocess.run([*command, f"http://envoy{path}"], capture_output=True, text=True, check=True).stdout


def upstream() -> dict[str, Any]:
    """Envoy's configuration of the order API's Service."""
    configs = json.loads(envoy("/config_dump?resource=dynamic_active_clusters"))["configs"]
    (found,) = [each["cluster"] for each in configs if each["cluster"]["name"].startswith(UPSTREAM)]
    return dict(found)


def statistic(name: str) -> int:
    """One of Envoy's numbers about the order API's Service."""
    (line,) = envoy(f"/stats?filter=^{STATISTICS}.{name}$").splitlines()
    return int(line.partition(": ")[2])


@contextmanager
def hanging_brokers() -> Iterator[None]:
    """All brokers of shop stand still: they accept connections and answer nothing."""
    pids = list(brokers())
    assert len(pids) == 3
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def brokers() -> Iterator[int]:
    """Processes of shop's brokers, by the names of their pods."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command, names = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes().split(b"\0")
            if b"kafka.Kafka" in command and any(name.startswith(b"HOSTNAME=shop-shop-brokers-") for name in names):
                yield int(folder.name)


def test_an_order_that_meets_a_hanging_kafka_is_answered_by_the_api_before_the_edge_gives_up() -> None:
    """The edge's own answer after 15 s would be a 504 of one line."""
    order_id = uuid.uuid4().hex
    with hanging_brokers():
        status, fields, body = post(order_id)
    assert (status, fields["content-type"]) == (503, "application/problem+json"), body
    problem = json.loads(body)
    assert (problem["status"], problem["order_id"]) == (503, order_id)
    assert int(fields["retry-after"]) >= 1
    wait_until("the same order is taken", lambda: post(order_id)[0] == 202, seconds=180)


def test_the_api_keeps_idle_connections_for_longer_than_the_edges_pool(cluster: Cluster) -> None:
    options = upstream().get("typed_extension_protocol_options", {})
    common = [each.get("common_http_protocol_options", {}) for each in options.values()]
    pool = max((float(each["idle_timeout"].rstrip("s")) for each in common if "idle_timeout" in each), default=None)
    (container,) = cluster.get("deployment", "shop-producer")["spec"]["template"]["spec"]["containers"]
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert float(environment[Env.IDLE_TIMEOUT_SECONDS]) > (POOL_IDLE_SECONDS if pool is None else pool)


@pytest.mark.full
def test_the_edges_connections_outlive_the_former_idle_time() -> None:
    assert post()[0] == 202
    closed, open_then = statistic("upstream_cx_destroy_remote"), statistic("upstream_cx_active")
    assert open_then >= 1
    time.sleep(FORMER_IDLE_SECONDS + 10)
    assert (statistic("upstream_cx_destroy_remote"), statistic("upstream_cx_active")) == (closed, open_then)
    assert post()[0] == 202


HEAD: Final = f"POST /order HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize(
    ("first", "then", "kind"),
    [
        pytest.param(f"{HEAD}content-length: 1000\r\n\r\n{{", b" ", "application/problem+json", id="body"),
        pytest.param(f"{HEAD}x-slow: ", b"a", "text/plain", id="head"),
    ],
)
def test_a_request_that_drips_is_ended(first: str, then: bytes, kind: str) -> None:
    """A body by the API's own time, a head, of which the API never hears, by the edge's."""
    answer = bytearray()
    with socket.create_connection(("127.0.0.1", HTTP_PORT), 60) as connection:
        connection.sendall(first.encode())
        connection.setblocking(False)
        wait_until("an answer", partial(drip, connection, then, answer), seconds=120, every=0.5)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert f"content-type: {kind}".encode() in answer.lower()


def test_an_upload_that_takes_its_time_is_taken() -> None:
    """One line of 2 KiB a second, for longer than an edge's usual limit for a whole request."""
    lines = [
        json.dumps({**GOOD, "order_id": uuid.uuid4().hex, "note": "n" * 1900}) + "\n" for _ in range(UPLOAD_SECONDS)
    ]
    with closing(http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=60)) as connection:
        headers = {"Host": HOST, "Content-Type": "application/x-ndjson"}
        connection.request("POST", "/orders/batch", in_time(lines), headers, encode_chunked=True)
        reply = connection.getresponse()
        assert (reply.status, json.loads(reply.read())) == (202, {"accepted": UPLOAD_SECONDS})


def in_time(lines: list[str]) -> Iterator[bytes]:
    """A line a second."""
    for line in lines:
        time.sleep(1)
        yield line.encode()


def drip(connection: socket.socket, piece: bytes, answer: bytearray) -> bool:
    """Send a little more, unless there is an answer."""
    with suppress(BlockingIOError):
        answer += connection.recv(65536)
        return True
    connection.sendall(piece)
    return False
