"""Fixture `brokers`: a real Kafka cluster of three nodes on loopback, each broker and controller at once."""

import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import ElectionType, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from orderpipeline_embedded.kafka import archive, config, process
from tests.support.ports import free_ports
from tests.support.waiting import wait_until

__all__ = ["Brokers", "brokers"]

CLUSTER_ID: Final = "b3JkZXJwaXBlbGluZS10aA"
COUNT: Final = 3
HEAP: Final = "256m"
ALTER_PARTITION_REASSIGNMENTS: Final = 45


class Brokers:
    """Three nodes with ids 0 to 2. A frozen one stays a leader for a minute, as far as the others know."""

    def __init__(self, folder: Path) -> None:
        ports = free_ports(2 * COUNT)
        self._ports, controllers = ports[:COUNT], ports[COUNT:]
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(controllers))
        jvm = archive.flags()
        self._nodes: list[process.Node] = []
        for number, (port, controller) in enumerate(zip(self._ports, controllers, strict=True)):
            home = folder / str(number)
            home.mkdir()
            path = home / "server.properties"
            settings: Mapping[str, str | int] = {
                **config.plaintext(str(home / "data"), port, controller),
                "node.id": number,
                "controller.quorum.voters": voters,
                "broker.session.timeout.ms": 60_000,
                "auto.leader.rebalance.enable": "false",
            }
            path.write_text(config.properties(settings))
            process.format_storage(path, CLUSTER_ID, "", jvm)
            self._nodes.append(process.Node(path, heap=HEAP, jvm=jvm))
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def start(self) -> None:
        """Start all, and wait until they serve: one alone has no quorum."""
        for node in self._nodes:
            node.launch()
        for node in self._nodes:
            node.wait_started()
        wait_until("all are registered", lambda: len(self.admin.list_topics(timeout=60).brokers) == COUNT)

    def kill(self) -> None:
        """End them as a crash would."""
        for node in self._nodes:
            node.kill()

    @contextmanager
    def frozen(self, number: int) -> Iterator[None]:
        """One of them answers nothing meanwhile; connections to it stay open."""
        self._nodes[number].pause()
        try:
            yield
        finally:
            self._nodes[number].resume()

    def create_topic(self, name: str, replicas: Sequence[Sequence[int]], **settings: str) -> str:
        """A topic with the replicas of each partition, the preferred leader first; returns its name once it has them
        all. Underscores in the names of settings stand for dots."""
        entries = {key.replace("_", "."): value for key, value in settings.items()}
        new = NewTopic(name, len(replicas), config=entries, replica_assignment=[list(each) for each in replicas])
        self.admin.create_topics([new])[name].result(60)
        wait_until(f"topic {name} has its leaders", lambda: self.leaders(name) == [each[0] for each in replicas])
        return name

    def leaders(self, topic: str) -> list[int]:
        """The leader of each partition."""
        found = self.admin.list_topics(topic, timeout=60).topics[topic].partitions
        return [found[number].leader for number in sorted(found)]

    def rotate(self, topic: str, replicas: Sequence[Sequence[int]]) -> None:
        """Make the first of each partition's replicas its leader. They are the same replicas as before, so that nothing
        is copied."""
        self._reassign(topic, replicas)
        places = [TopicPartition(topic, number) for number in range(len(replicas))]
        wanted = [each[0] for each in replicas]

        def moved() -> bool:
            self.admin.elect_leaders(ElectionType.PREFERRED, places).result(60)
            return self.leaders(topic) == wanted

        wait_until(f"topic {topic} is led by {wanted}", moved, tolerate=(KafkaException,))

    def _reassign(self, topic: str, replicas: Sequence[Sequence[int]]) -> None:
        """The request that the Python client does not have: AlterPartitionReassignments, version 0."""
        partitions = b"".join(
            struct.pack(">iB", number, len(each) + 1) + struct.pack(f">{len(each)}i", *each) + b"\0"
            for number, each in enumerate(replicas)
        )
        name = topic.encode()
        body = struct.pack(">iBB", 60_000, 2, len(name) + 1) + name + bytes([len(replicas) + 1]) + partitions + b"\0\0"
        head = struct.pack(">hhih", ALTER_PARTITION_REASSIGNMENTS, 0, 1, -1) + b"\0"
        with socket.create_connection(("127.0.0.1", self._ports[0]), timeout=60) as connection:
            connection.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
            reply = connection.makefile("rb")
            (length,) = struct.unpack(">i", reply.read(4))
            answer = reply.read(length)
        (code,) = struct.unpack_from(">h", answer, 9)  # after the correlation id, tags and the throttle time
        assert code == 0, f"the reassignment was refused: error {code}"


@pytest.fixture(scope="module")
def brokers() -> Iterator[Brokers]:
    """Three brokers in folders of their own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="orderpipeline-kafka-"))
    cluster: Brokers | None = None
    try:
        cluster = Brokers(folder)
        cluster.start()
        yield cluster
    finally:
        if cluster is not None:
            cluster.kill()
        shutil.rmtree(folder, ignore_errors=True)
