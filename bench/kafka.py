"""Kafka for the benches: its topics, the offsets in them, and the broker that most of them use."""

import itertools
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition, admin

from bench.access import Access
from orderpipeline_embedded.cache import cache_root
from orderpipeline_embedded.ports import free_ports
from orderpipeline_embedded.run.broker import Broker

LOG = logging.getLogger("bench.kafka")
LOG.setLevel(logging.CRITICAL)  # clients that outlive the broker would log its absence at length
api: Any = admin  # its type hints omit what is written in C
SETTLE_SECONDS = 30.0
QUIET_SECONDS = 1.5
LEADER_SECONDS = 90.0


class Kafka:
    """A running Kafka: a topic per measurement, with this number of copies, and the offsets in it.

    `client` is librdkafka's configuration for the bench itself; `bootstrap` is the address in it. `access` is for
    programs that are to come in by TLS and SCRAM; None if there is no such listener. `folder` is for logs.
    """

    def __init__(self, folder: Path, client: Mapping[str, str], copies: int = 1, access: Access | None = None) -> None:
        self.folder = folder
        self.bootstrap = client["bootstrap.servers"]
        self.copies = copies
        self.access = access
        self._client = dict(client)
        self._admin = api.AdminClient(self._client, logger=LOG)
        self._numbers = itertools.count(1)
        self._partitions: dict[str, int] = {}

    @property
    def pid(self) -> int:
        """The Java process of its one broker."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            line = path.read_bytes()
            if b"kafka.Kafka" in line and str(self.folder).encode() in line:
                return int(path.parent.name)
        raise RuntimeError("the broker's process does not exist")

    @contextmanager
    def topic(self, partitions: int, config: Mapping[str, str] | None = None) -> Iterator[str]:
        """The name of a new topic, which is deleted afterwards with its files."""
        name = f"orders-{next(self._numbers)}"
        self._partitions[name] = partitions
        settings = {"file.delete.delay.ms": "100", "min.insync.replicas": str(max(self.copies - 1, 1))}
        new = api.NewTopic(name, partitions, self.copies, config={**settings, **(config or {})})
        self._admin.create_topics([new])[name].result(60)
        try:
            yield name
        finally:
            self._admin.delete_topics([name])[name].result(20)

    def ends(self, topic: str) -> tuple[int, ...]:
        """Records ever written to each of the topic's partitions."""
        deadline = time.monotonic() + LEADER_SECONDS
        asked = {TopicPartition(topic, number): api.OffsetSpec.latest() for number in range(self.partitions(topic))}
        while True:
            try:
                return tuple(found.result(20).offset for found in self._admin.list_offsets(asked).values())
            except KafkaException:  # a new topic has no leaders yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
                self._admin.list_topics(topic, 10)  # refreshes the client's metadata

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has. KafkaException if there is no such topic."""
        if topic not in self._partitions:
            found = self._admin.list_topics(topic, 20).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            self._partitions[topic] = len(found.partitions)
        return self._partitions[topic]

    def end(self, topic: str) -> int:
        """Records ever written to the topic."""
        return sum(self.ends(topic))

    def settled(self, topic: str, expected: int) -> int:
        """The topic's end offset once it has reached `expected` or has not moved for a while."""
        seen, since, began = -1, time.monotonic(), time.monotonic()
        while time.monotonic() - began < SETTLE_SECONDS:
            found = self.end(topic)
            if found != seen:
                seen, since = found, time.monotonic()
            if found >= expected or time.monotonic() - since > QUIET_SECONDS:
                break
            time.sleep(0.02)
        return seen

    @contextmanager
    def group(self, group: str, topic: str) -> Iterator["Group"]:
        """A reader of a group's commits."""
        consumer = Consumer({**self._client, "group.id": group}, logger=LOG)
        try:
            yield Group(consumer, [TopicPartition(topic, number) for number in range(self.partitions(topic))])
        finally:
            consumer.close()


class Group:
    """A consumer group's commits."""

    def __init__(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._consumer, self._partitions = consumer, partitions

    def offsets(self) -> tuple[int, ...] | None:
        """Each partition's committed offset, 0 if there is none yet; None if they cannot be read now."""
        try:
            return tuple(max(one.offset, 0) for one in self._consumer.committed(self._partitions, timeout=20))
        except KafkaException:  # a new group's coordinator is still coming up
            return None

    def committed(self) -> int | None:
        """Orders that the group has committed; None if that cannot be read now."""
        found = self.offsets()
        return None if found is None else sum(found)


@contextmanager
def kafka() -> Iterator[Kafka]:
    """The broker of `orderpipeline run` in a folder of its own; both are removed afterwards."""
    with folder_of_a_run() as folder:
        broker = Broker(folder / "kafka", free_ports(1)[0])
        try:
            broker.start()
            yield Kafka(folder, {"bootstrap.servers": broker.bootstrap})
        finally:
            broker.kill()


@contextmanager
def folder_of_a_run() -> Iterator[Path]:
    """A new folder in the cache, removed afterwards."""
    (parent := cache_root() / "bench").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
