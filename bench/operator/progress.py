"""When things happened, by the watches: pipelines reconciled and Ready, changes that reached their Deployments."""

import asyncio
import time
from collections.abc import Callable

from bench.operator.client import WatchedObject
from orderpipeline_common.contract import Env
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, PIPELINE, Kind

Key = tuple[str, str]
"""Namespace and name of a pipeline."""


class Progress:
    """Gets every object that the fake controllers watch."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.reconciled: dict[Key, float] = {}
        """When a pipeline first had a status for its latest spec."""
        self.ready: dict[Key, float] = {}
        self.changed: dict[Key, float] = {}
        """When both Deployments of a pipeline had what `expect` waits for."""
        self._expected: dict[Key, tuple[int, int]] = {}
        self._arrived: set[tuple[str, str, str]] = set()
        self._changed = asyncio.Event()

    def expect(self, key: Key, replicas: int, workers: int) -> None:
        """Wait for these numbers of producer replicas and of workers per consumer."""
        self._expected[key] = replicas, workers

    def observe(self, kind: Kind, item: WatchedObject) -> None:
        """Record a new or changed object."""
        if kind == PIPELINE:
            self._pipeline(item)
        elif kind == DEPLOYMENT:
            self._deployment(item)
        self._changed.set()

    async def until(self, what: str, done: Callable[[], bool], seconds: float) -> None:
        """Wait until `done()`. TimeoutError with `what` after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while not done():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}; {len(self.ready)} pipelines are Ready") from None

    def _pipeline(self, item: WatchedObject) -> None:
        key = item.metadata.namespace, item.metadata.name
        if item.status.get("observedGeneration") != item.metadata.generation:
            return
        self.reconciled.setdefault(key, self._clock())
        if any(each["type"] == "Ready" and each["status"] == "True" for each in item.status["conditions"]):
            self.ready.setdefault(key, self._clock())

    def _deployment(self, item: WatchedObject) -> None:
        name, _, component = item.metadata.name.rpartition("-")
        key = item.metadata.namespace, name
        wanted = self._expected.get(key)
        if wanted is None:
            return
        if component == "producer":
            there = item.spec["replicas"] == wanted[0]
        else:
            env = item.spec["template"]["spec"]["containers"][0]["env"]
            there = {"name": Env.WORKERS, "value": str(wanted[1])} in env
        if there:
            other = (*key, "consumer" if component == "producer" else "producer")
            self._arrived.add((*key, component))
            if other in self._arrived:
                self.changed.setdefault(key, self._clock())
