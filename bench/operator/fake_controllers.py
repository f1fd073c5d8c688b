"""Plays Strimzi's operators and the Deployment controller for many pipelines: writes statuses and Secrets."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from bench.operator.client import Client, WatchedObject, path_of
from bench.operator.fake_kafka import password_of
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Kind

TIME = "2026-11-22T12:00:00Z"
READY = {"type": "Ready", "status": "True", "lastTransitionTime": TIME}
WIDTH = 8
"""Concurrent status writes."""


class Listener(NamedTuple):
    """Where every pipeline's Kafka is, and the PEM of its CA."""

    bootstrap: str
    ca: str


class FakeControllers:
    """Watches what the operator creates; from `release` on, responds once per generation. `on_object` gets all.

    Without `kafka` the Kafkas that it makes Ready are nowhere.
    """

    def __init__(
        self, client: Client, on_object: Callable[[Kind, WatchedObject], None], kafka: Listener | None
    ) -> None:
        self._client, self._on_object, self._kafka_at = client, on_object, kafka
        self._work: asyncio.Queue[Awaitable[None]] = asyncio.Queue()
        self._answered: dict[tuple[str, str, str], int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.writes = 0
        self.failure: BaseException | None = None

    async def start(self) -> None:
        """Start to watch."""
        answers = {
            kinds.KAFKA: self._kafka,
            kinds.TOPIC: self._topic,
            kinds.USER: self._user,
            kinds.DEPLOYMENT: self._deployment,
        }
        for kind in (kinds.PIPELINE, *answers):
            version = await self._client.version(kind)
            self._spawn(self._watch(kind, version, answers.get(kind)))

    def release(self) -> None:
        """Start to respond."""
        for _ in range(WIDTH):
            self._spawn(self._write())

    async def stop(self) -> None:
        """Stop all tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while not self._work.empty():
            self._work.get_nowait().close()  # type: ignore[attr-defined]

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self.failure = task.exception()

    async def _watch(self, kind: Kind, version: str, answer: Callable[[WatchedObject], Awaitable[None]] | None) -> None:
        async for item in self._client.watch(kind, version):
            self._on_object(kind, item)
            key = kind.plural, item.metadata.namespace, item.metadata.name
            if answer is not None and self._answered.get(key) != item.metadata.generation:
                self._answered[key] = item.metadata.generation
                self._work.put_nowait(answer(item))
        raise RuntimeError(f"the watch of {kind.plural} ended")

    async def _write(self) -> None:
        while True:
            await (await self._work.get())

    async def _kafka(self, item: WatchedObject) -> None:
        name, namespace = item.metadata.name, item.metadata.namespace
        kafka = self._kafka_at or Listener(f"{name}-kafka-bootstrap.{namespace}.svc:9093", "certificate")
        listeners = [
            {"name": each["name"], "bootstrapServers": kafka.bootstrap} for each in item.spec["kafka"]["listeners"]
        ]
        if item.metadata.generation == 1:
            await self._secret(namespace, name, f"{name}-cluster-ca-cert", "ca.crt", kafka.ca)
        await self._status(kinds.KAFKA, item, {"conditions": [READY], "listeners": listeners})

    async def _topic(self, item: WatchedObject) -> None:
        await self._status(kinds.TOPIC, item, {"conditions": [READY]})

    async def _user(self, item: WatchedObject) -> None:
        name, namespace = item.metadata.name, item.metadata.namespace
        if item.metadata.generation == 1:
            await self._secret(namespace, name.rsplit("-", 1)[0], name, "password", password_of(name))
        await self._status(kinds.USER, item, {"conditions": [READY]})

    async def _deployment(self, item: WatchedObject) -> None:
        want = item.spec["replicas"]
        available = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
        counts = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), want)
        await self._status(kinds.DEPLOYMENT, item, {**counts, "conditions": [available]})

    async def _status(self, kind: Kind, item: WatchedObject, status: dict[str, Any]) -> None:
        path = path_of(kind, item.metadata.namespace, item.metadata.name, "status")
        status = {**status, "observedGeneration": item.metadata.generation}
        await self._client.send("PATCH", path + "?fieldManager=fake-controllers", {"status": status})
        self.writes += 1

    async def _secret(self, namespace: str, cluster: str, name: str, key: str, value: str) -> None:
        labels = {"strimzi.io/cluster": cluster, "app.kubernetes.io/managed-by": "strimzi-cluster-operator"}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": labels},
            "data": {key: base64.b64encode(value.encode()).decode()},
        }
        await self._client.send("POST", path_of(kinds.SECRET, namespace) + "?fieldManager=fake-controllers", body)
        self.writes += 1
