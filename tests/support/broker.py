"""Fixture `broker`: a real Kafka on loopback, KRaft, with a plain listener and two with TLS."""

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from hack.kafka import pki
from orderpipeline_embedded.kafka import archive, config, process
from tests.support.ports import free_ports
from tests.support.waiting import Deadline

__all__ = ["Broker", "broker", "run", "secured_broker"]

CLUSTER_ID = "b3JkZXJwaXBlbGluZS10ZQ"


class Broker:
    """A running broker; addresses stay the same over `stop()` and `start()`, and so does the data.

    `bootstrap` is PLAINTEXT, `sasl_bootstrap` is SASL_SSL with SCRAM-SHA-512 or PLAIN as `username`/`password`, and
    `tls_bootstrap` is SSL, for clients with a certificate of `issue`. The broker's own, for `hosts`, is from the CA in
    the PEM file `ca_pem`. With `authorizer` both of these users are super users, and others need ACLs. With
    `session_ms` clients have to say so often who they are. `protocols` are those of consumer groups.
    """

    def __init__(
        self,
        folder: Path,
        authorizer: bool = False,
        hosts: Sequence[str] = ("localhost", "127.0.0.1"),
        session_ms: int = 0,
        protocols: str = "classic,consumer",
    ) -> None:
        plain, sasl, tls, controller = free_ports(4)
        self.bootstrap = f"127.0.0.1:{plain}"
        self.sasl_bootstrap = f"127.0.0.1:{sasl}"
        self.tls_bootstrap = f"127.0.0.1:{tls}"
        self.username = "orders"
        self.password = secrets.token_hex(16)
        self.ca_pem = folder / "ca.pem"
        self.ca = pki.new_ca("cluster-ca", datetime.now(UTC))
        self.ca_pem.write_text(self.ca.cert)
        self._hosts = hosts
        self._keystore = folder / "server.pem"
        self.certify(self.ca)
        settings = config.with_sasl(
            config.SaslNode(
                data=str(folder / "data"), plaintext_port=plain, sasl_port=sasl, tls_port=tls,
                controller_port=controller, keystore=str(self._keystore), truststore=str(self.ca_pem),
                admin=self.username, plain_password=self.password, authorizer=authorizer, session_ms=session_ms,
            )
        )  # fmt: skip
        path = folder / "server.properties"
        path.write_text(config.properties({**settings, "group.coordinator.rebalance.protocols": protocols}))
        jvm = archive.flags()
        process.format_storage(path, CLUSTER_ID, f"SCRAM-SHA-512=[name={self.username},password={self.password}]", jvm)
        self.data = folder / "data"
        self._node = process.Node(path, jvm=jvm)
        self._admin: AdminClient | None = None
        self.log = self._node.log

    def certify(self, ca: pki.Pair) -> None:
        """Give it a certificate of this CA, which it uses from its next start on."""
        server = pki.issue(ca, "broker", self._hosts, datetime.now(UTC))
        self._keystore.write_text(server.key + server.cert)

    def issue(self, common: str) -> pki.Pair:
        """A client's certificate."""
        return pki.issue(self.ca, common, [], datetime.now(UTC))

    def set_password(self, user: str, password: str) -> None:
        """Let a user of SCRAM-SHA-256 and SCRAM-SHA-512 have this password."""
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            info = ScramCredentialInfo(mechanism, 4096)
            change = UserScramCredentialUpsertion(user, info, password=password.encode())
            self.admin().alter_user_scram_credentials([change])[user].result(timeout=60)

    @property
    def sasl(self) -> dict[str, str]:
        """librdkafka settings for the TLS + SCRAM listener."""
        return {
            "bootstrap.servers": self.sasl_bootstrap,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.username,
            "sasl.password": self.password,
            "ssl.ca.location": str(self.ca_pem),
        }

    def start(self) -> None:
        """Starts the broker and waits until it serves."""
        self._node.start()

    def stop(self) -> None:
        """Stops it in good order; clients see closed connections."""
        self._node.stop(timeout=60)

    def kill(self) -> None:
        """Stops it as a crash would."""
        self._node.kill()

    def pause(self) -> None:
        """Freezes it: connections stay open, requests time out."""
        self._node.pause()

    def resume(self) -> None:
        """Undoes `pause`."""
        self._node.resume()

    def admin(self) -> AdminClient:
        """The admin client on the plain listener (its futures fail once it is collected, hence kept)."""
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        return self._admin

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        """Makes a topic (replication factor 1), waits for it, and returns its name.

        The controller makes it, and the broker hears of that a little later; a broker that was frozen, or starved, is
        fenced for a moment, and then nothing can be made.
        """
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
        deadline = Deadline(f"the broker knows topic {name}")
        while True:
            try:
                self.admin().create_topics([topic])[name].result(timeout=60)
                break
            except KafkaException as error:
                if error.args[0].code() != KafkaError.INVALID_REPLICATION_FACTOR:
                    raise
                deadline.check(error)
                time.sleep(0.2)
        while not self._leads(name, partitions):
            deadline.check()
            time.sleep(0.05)
        return name

    def configure_topic(self, name: str, config: Mapping[str, str]) -> None:
        """Changes settings of a topic; brokers follow a little later."""
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        self.admin().incremental_alter_configs([resource])[resource].result(60)

    def _leads(self, name: str, partitions: int) -> bool:
        found = self.admin().list_topics(name, timeout=60).topics[name]
        leaders = [each.leader for each in found.partitions.values()]
        return found.error is None and len(leaders) == partitions and min(leaders) >= 0


def run(**settings: Any) -> Iterator[Broker]:
    """A started broker in a folder of its own, both gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="orderpipeline-kafka-"))
    broker: Broker | None = None
    try:
        broker = Broker(folder, **settings)
        broker.start()
        yield broker
    finally:
        if broker is not None:
            broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """The shared broker. Name topics and groups uniquely; a test that stops it must start it again."""
    yield from run()


@pytest.fixture(scope="session")
def secured_broker() -> Iterator[Broker]:
    """A broker of its own that checks ACLs."""
    yield from run(authorizer=True)


@pytest.fixture(scope="session")
def classic_broker() -> Iterator[Broker]:
    """A broker of its own that knows only the classic group protocol."""
    yield from run(protocols="classic")
