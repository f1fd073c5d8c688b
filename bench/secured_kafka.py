"""A Kafka like that which the operator asks Strimzi for: three brokers, three copies, TLS everywhere, SCRAM-SHA-512."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException

from bench.access import MECHANISM, Access
from bench.kafka import LOG, Kafka, api, folder_of_a_run
from hack.kafka import pki
from orderpipeline_embedded.kafka import archive, config, process
from orderpipeline_embedded.ports import HOST, free_ports

COUNT: Final = 3
HEAP: Final = "512m"
CLUSTER_ID: Final = "b3JkZXJwaXBlbGluZS1iZQ"
USER: Final = "orders"
PORTS: Final = 4
"""Of each broker: for the bench itself (plaintext), SASL_SSL, SSL, and as a controller."""
REGISTERED_SECONDS: Final = 60.0


@contextmanager
def secured_kafka() -> Iterator[Kafka]:
    """Three brokers, each also a controller, in a folder of their own; all of it is gone afterwards."""
    with folder_of_a_run() as folder:
        nodes, found = _prepare(folder)
        try:
            for node in nodes:
                node.launch()
            for node in nodes:
                node.wait_started()
            _wait_registered(found.bootstrap)
            yield found
        finally:
            for node in nodes:
                node.kill()


def _prepare(folder: Path) -> tuple[Sequence[process.Node], Kafka]:
    """The formatted nodes, not started yet, and how to reach them."""
    password, ca, jvm = secrets.token_hex(16), pki.new_ca("cluster-ca", datetime.now(UTC)), archive.flags()
    for name, text in {"password": password, "ca.crt": ca.cert, "server.pem": _certified(ca)}.items():
        (folder / name).write_text(text)
    free = free_ports(COUNT * PORTS)
    ports = [free[PORTS * number : PORTS * (number + 1)] for number in range(COUNT)]
    nodes = []
    for number in range(COUNT):
        home = folder / f"broker-{number}"
        home.mkdir()
        path = home / "server.properties"
        path.write_text(config.properties(settings(number, ports, folder, password)))
        process.format_storage(path, CLUSTER_ID, f"{MECHANISM}=[name={USER},password={password}]", jvm)
        # All compiler tiers, as brokers in pods have.
        nodes.append(process.Node(path, heap=HEAP, jvm=["-XX:TieredStopAtLevel=4", *jvm]))
    plain, secured = (",".join(f"{HOST}:{each[which]}" for each in ports) for which in (0, 1))
    access = Access(secured, USER, folder / "password", folder / "ca.crt")
    return nodes, Kafka(folder, {"bootstrap.servers": plain}, COUNT, access)


def settings(number: int, ports: Sequence[Sequence[int]], folder: Path, password: str) -> dict[str, str | int]:
    """The server.properties of broker `number`. `ports` has PORTS of each; the certificates are in `folder`."""
    plain, sasl, tls, controller = ports[number]
    node = config.SaslNode(
        data=str(folder / f"broker-{number}" / "data"), plaintext_port=plain, sasl_port=sasl, tls_port=tls,
        controller_port=controller, keystore=str(folder / "server.pem"), truststore=str(folder / "ca.crt"), admin=USER,
        plain_password=password,
    )  # fmt: skip
    return {
        **config.with_sasl(node),
        "node.id": number,
        "controller.quorum.voters": ",".join(f"{one}@{HOST}:{each[3]}" for one, each in enumerate(ports)),
        "inter.broker.listener.name": "SSL",
        "offsets.topic.replication.factor": COUNT,
        "transaction.state.log.replication.factor": COUNT,
        "transaction.state.log.min.isr": COUNT - 1,
        # They share one core with the load, so that a heartbeat may be late without anything being wrong.
        "broker.session.timeout.ms": 60_000,
    }


def _certified(ca: pki.Pair) -> str:
    server = pki.issue(ca, "broker", [HOST, "localhost"], datetime.now(UTC))
    return server.key + server.cert


def _wait_registered(bootstrap: str) -> None:
    admin = api.AdminClient({"bootstrap.servers": bootstrap}, logger=LOG)
    end = time.monotonic() + REGISTERED_SECONDS
    seen = 0
    while time.monotonic() < end:
        try:
            seen = len(admin.list_topics(timeout=10).brokers)
        except KafkaException:  # not yet
            seen = 0
        if seen == COUNT:
            return
        time.sleep(0.2)
    raise RuntimeError(f"only {seen} of {COUNT} brokers have registered within {REGISTERED_SECONDS:.0f} s")
