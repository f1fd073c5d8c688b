"""The order API over TLS, by a client that checks its certificate."""

import http.client
import json
import socket
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hack.kafka import pki
from tests.support.broker import Broker
from tests.support.producer_process import ORDER, records, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """CA, certificate and key of a server on 127.0.0.1."""
    now = datetime.now(UTC)
    ca = pki.new_ca("orders-ca", now)
    server = pki.issue(ca, "orders", ["127.0.0.1"], now)
    paths = (tmp_path / "ca.pem", tmp_path / "tls.crt", tmp_path / "tls.key")
    for path, text in zip(paths, (ca.cert, server.cert, server.key), strict=True):
        path.write_text(text)
    return paths


def test_orders_come_over_tls_and_plain_text_is_turned_away(
    broker: Broker, tmp_path: Path, files: tuple[Path, Path, Path]
) -> None:
    ca, cert, key = files
    topic = broker.create_topic(f"tls-{time.monotonic_ns()}", 2)
    client = ssl.create_default_context(cafile=str(ca))
    with running(broker, topic, tmp_path, wait=False, TLS_CERT_FILE=str(cert), TLS_KEY_FILE=str(key)) as api:

        def call(method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
            connection = http.client.HTTPSConnection("127.0.0.1", api.port, timeout=60, context=client)
            try:
                connection.request(method, path, body, {"Content-Type": "application/json", **headers})
                reply = connection.getresponse()
                return reply.status, reply.read()
            finally:
                connection.close()

        wait_until("ready", lambda: call("GET", "/ready")[0] == 200, detail=api.log.read_text, tolerate=(OSError,))
        assert call("POST", "/order", json.dumps(ORDER).encode())[0] == 202
        big = json.dumps([{**ORDER, "note": "x" * 500}] * 2000).encode()
        assert call("POST", "/orders/batch", big) == (202, b'{"accepted":2000}')
        assert b" 202 " in last_words(api.port, client)
        with socket.create_connection(("127.0.0.1", api.port), timeout=60) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP/1.1" not in plain.recv(1000)
        assert api.stop() == 0
    assert len(records(broker, topic)) == 2002


def last_words(port: int, client: ssl.SSLContext) -> bytes:
    """The reply to an order that is the connection's last. SSLError if TLS is not ended as it should be, at once and in
    words: a connection that the server gives up after 2 s is cut off."""
    body = json.dumps(ORDER).encode()
    fields = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        client.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as stream,
    ):
        stream.sendall(b"POST /order HTTP/1.1\r\n" + fields.encode() + body)
        said = b""
        while more := stream.recv(65536):
            said += more
        return said


def test_files_that_are_no_pair_end_the_process_with_their_names(
    broker: Broker, tmp_path: Path, files: tuple[Path, Path, Path]
) -> None:
    ca, cert, _ = files
    for settings in ({"TLS_CERT_FILE": str(cert)}, {"TLS_CERT_FILE": str(cert), "TLS_KEY_FILE": str(ca)}):
        with running(broker, "t", tmp_path, wait=False, **settings) as api:
            assert api.process.wait(60) == 2
        assert "ORDERPIPELINE_TLS_KEY_FILE" in api.log.read_text()
