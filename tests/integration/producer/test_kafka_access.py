"""The order API and a broker that wants to know who it is: certificates, credentials and sessions, and their change."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hack.kafka import pki
from orderpipeline_common.background import Background
from orderpipeline_common.contract import Env
from orderpipeline_producer.decoding.record_batch import Record
from orderpipeline_producer.kafka.accelerated_client import AcceleratedClient
from tests.support.broker import Broker, run
from tests.support.producer_process import ACCELERATORS, ORDER, Producer, records, running
from tests.support.waiting import Deadline, wait_until

pytestmark = pytest.mark.integration
SESSION_SECONDS = 4.0


@pytest.fixture(scope="module")
def strict() -> Iterator[Broker]:
    """A broker whose sessions end, and whose certificate is for 127.0.0.1 only."""
    yield from run(hosts=["127.0.0.1"], session_ms=int(SESSION_SECONDS * 1000))


@pytest.fixture
def topic(strict: Broker) -> str:
    return strict.create_topic(f"orders-{time.monotonic_ns()}", 3)


class Secrets:
    """What is mounted into the pod: a folder of CAs and a password."""

    def __init__(self, broker: Broker, folder: Path, user: str = "") -> None:
        self.authorities = folder / "authorities"
        self.authorities.mkdir()
        self.password = folder / "password"
        self.password.write_text(broker.password + "\n")
        (self.authorities / "ca.crt").write_text(broker.ca.cert)
        self.env = {
            "BOOTSTRAP_SERVERS": broker.sasl_bootstrap,
            "SECURITY_PROTOCOL": "SASL_SSL",
            "SASL_MECHANISM": "SCRAM-SHA-512",
            "SASL_USERNAME": user or broker.username,
            "SASL_PASSWORD_FILE": str(self.password),
            "CA_FILE": str(self.authorities),
        }


@pytest.fixture
def secrets(strict: Broker, tmp_path: Path) -> Secrets:
    return Secrets(strict, tmp_path)


with_and_without = pytest.mark.parametrize("accelerator", ACCELERATORS)


def order_ids(broker: Broker, topic: str) -> list[str]:
    return sorted(json.loads(record.value() or b"")["order_id"] for record in records(broker, topic))


def wait_refused(api: Producer, *why: str) -> None:
    """Wait until /ready says why Kafka lets nobody in."""
    said = lambda: api.call("GET", "/ready").body.decode()  # noqa: E731
    wait_until(
        f"/ready says {why}", lambda: all(part in said() for part in why), detail=lambda: said() + api.log.read_text()
    )
    assert api.call("GET", "/ready").status == 503
    assert api.call("GET", "/health").status == 200


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
@with_and_without
def test_every_mechanism_lets_orders_in(
    strict: Broker, topic: str, tmp_path: Path, secrets: Secrets, mechanism: str, accelerator: str
) -> None:
    strict.set_password(strict.username, strict.password)
    env = {**secrets.env, "SASL_MECHANISM": mechanism, "ACCELERATOR": accelerator}
    with running(strict, topic, tmp_path, **env) as api:
        assert api.post("/orders/batch", [ORDER] * 100).json == {"accepted": 100}
        assert "librdkafka sends the orders" not in api.log.read_text()
    assert len(records(strict, topic)) == 100


@with_and_without
def test_a_broker_under_another_name_is_not_believed(
    strict: Broker, topic: str, tmp_path: Path, secrets: Secrets, accelerator: str
) -> None:
    env = {**secrets.env, "BOOTSTRAP_SERVERS": strict.sasl_bootstrap.replace("127.0.0.1", "localhost")}
    with running(strict, topic, tmp_path, wait=False, ACCELERATOR=accelerator, **env) as api:
        api.wait_ready(status=503)
        wait_until("it says why", lambda: "certificate" in api.log.read_text(), detail=api.log.read_text)
        if accelerator == "on":
            wait_refused(api, "not valid for name", "localhost")


@pytest.mark.accelerator
def test_sessions_are_renewed_before_they_end(strict: Broker, topic: str, tmp_path: Path, secrets: Secrets) -> None:
    with running(strict, topic, tmp_path, ACCELERATOR="on", **secrets.env) as api:
        sent: list[str] = []
        cut = lambda: api.log.read_text().count("the broker closed the connection")  # noqa: E731
        begun, before = time.monotonic(), 0
        deadline = Deadline("three sessions end without a connection that the broker closes")
        while time.monotonic() < begun + 3.5 * SESSION_SECONDS:  # the log has one such line in 5 s at most
            deadline.check(api.log.read_text())
            sent.append(f"order-{len(sent):06}")
            assert api.post("/order", {**ORDER, "order_id": sent[-1]}).status == 202
            if cut() != before:  # it was too busy to renew one in time
                begun, before = time.monotonic(), cut()
    assert order_ids(strict, topic) == sent


@pytest.mark.accelerator
def test_a_new_password_is_used_without_a_restart(strict: Broker, topic: str, tmp_path: Path) -> None:
    strict.set_password("rotating", "first")
    secrets = Secrets(strict, tmp_path, "rotating")
    secrets.password.write_text("first\n")
    with running(strict, topic, tmp_path, ACCELERATOR="on", **secrets.env) as api:
        assert api.post("/order", {**ORDER, "order_id": "a"}).status == 202
        strict.set_password("rotating", "second")
        wait_refused(api, "SCRAM-SHA-512 as rotating", "Authentication failed")
        assert "first" not in api.log.read_text()
        secrets.password.write_text("second\n")
        api.wait_ready()
        assert api.post("/order", {**ORDER, "order_id": "b"}).status == 202
        assert api.stop() == 0
    assert order_ids(strict, topic) == ["a", "b"]


@pytest.mark.accelerator
def test_a_new_ca_is_trusted_without_a_restart(strict: Broker, topic: str, tmp_path: Path, secrets: Secrets) -> None:
    new = pki.new_ca("new-ca", datetime.now(UTC))
    with running(strict, topic, tmp_path, ACCELERATOR="on", **secrets.env) as api:
        assert api.post("/order", {**ORDER, "order_id": "a"}).status == 202
        strict.stop()
        strict.certify(new)
        strict.start()
        try:
            wait_refused(api, "none of the CAs", "ssl.ca.pem")
            broken = secrets.authorities / "new.crt"
            broken.write_text("-----BEGIN CERTIFICATE-----\n")  # half of it
            wait_until("what can't be used is told", lambda: "stay in use" in api.log.read_text())
            broken.write_text(new.cert)
            api.wait_ready()
            assert api.post("/order", {**ORDER, "order_id": "b"}).status == 202
        finally:
            strict.stop()
            strict.certify(strict.ca)
            strict.start()
        api.wait_ready()
        assert api.post("/order", {**ORDER, "order_id": "c"}).status == 202, "both are trusted"
    assert order_ids(strict, topic) == ["a", "b", "c"]


@pytest.mark.accelerator
@pytest.mark.parametrize("own", [True, False], ids=["own", "librdkafka"])
def test_client_certificates(strict: Broker, topic: str, tmp_path: Path, own: bool) -> None:
    pair = strict.issue("orders")
    certificate, key = tmp_path / "user.crt", tmp_path / "user.key"
    certificate.write_text(pair.cert)
    key.write_text(pair.key)
    config: dict[str, Any] = {
        "bootstrap.servers": strict.tls_bootstrap, "security.protocol": "SSL", "ssl.ca.pem": strict.ca.cert,
        "compression.type": "none", "linger.ms": 0, "acks": "all", "enable.idempotence": True,
    }  # fmt: skip
    paths = {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
    with closing(asyncio.new_event_loop()) as loop:
        seen: list[str] = []

        def report(code: str, text: str, *, fatal: bool | None = None) -> None:
            seen.append(text)

        def client(**more: str) -> AcceleratedClient:
            return AcceleratedClient({**config, **more}, topic, 10**6, report, Background(loop=loop), own)

        known, unknown = client(**paths), client()
        wait_until("it is let in", lambda: known.check() == "")
        delivery = known.send(Record(0, "c", b"v", "id-1"))
        assert known.close(60.0) == 0
        assert delivery.clean
        said: list[str] = []
        wanted = "ssl.certificate.location" if own else "unreachable"
        told = lambda: said.append(unknown.check()) or wanted in " ".join((*said, *seen))  # noqa: E731
        wait_until("it is told that it needs a certificate", told, detail=lambda: f"{said[-3:]} {seen[-3:]}")
        assert unknown.close(0.0) == 0
    assert len(records(strict, topic)) == 1


@with_and_without
def test_a_ca_that_is_none_ends_the_process_with_its_name(
    strict: Broker, topic: str, tmp_path: Path, secrets: Secrets, accelerator: str
) -> None:
    (secrets.authorities / "ca.crt").write_text("no certificate")
    with running(strict, topic, tmp_path, wait=False, ACCELERATOR=accelerator, **secrets.env) as api:
        assert api.process.wait(60) == 2
    assert Env.CA_FILE in api.log.read_text()


@with_and_without
def test_a_client_certificate_says_who_it_is_and_is_renewed(
    strict: Broker, topic: str, tmp_path: Path, accelerator: str
) -> None:
    files = {"CLIENT_CERT_FILE": tmp_path / "client.crt", "CLIENT_KEY_FILE": tmp_path / "client.key"}

    def certify(name: str) -> None:
        pair = strict.issue(name)
        files["CLIENT_CERT_FILE"].write_text(pair.cert)
        files["CLIENT_KEY_FILE"].write_text(pair.key)

    certify("orders")
    env = {
        "BOOTSTRAP_SERVERS": strict.tls_bootstrap,
        "SECURITY_PROTOCOL": "SSL",
        "CA_FILE": str(strict.ca_pem),
        **{name: str(path) for name, path in files.items()},
    }
    with running(strict, topic, tmp_path, **env, ACCELERATOR=accelerator) as api:
        assert api.post("/orders/batch", [ORDER] * 10).json == {"accepted": 10}
        if accelerator == "on":  # Python's client gets a new one when the pod is replaced
            certify("renewed")
            wait_until("it is used", lambda: "have changed" in api.log.read_text(), detail=api.log.read_text)
        assert api.post("/orders/batch", [ORDER] * 10).json == {"accepted": 10}
    assert len(records(strict, topic)) == 20
