"""When what happened, as the watches tell: pipelines looked at and Ready, changes that reached their Deployments."""

import asyncio
import time
from collections.abc import Callable

from bench.operator.client import Seen
from orderpipeline_common.contract import Env
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, PIPELINE, Kind

Key = tuple[str, str]
"""Namespace and name of a pipeline."""


class Progress:
    """Fed with every object that the hands see."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.looked_at: dict[Key, float] = {}
        """When a pipeline first had a status for its newest spec."""
        self.ready: dict[Key, float] = {}
        self.changed: dict[Key, float] = {}
        """When both Deployments of a pipeline had what `expect` waits for."""
        self._expected: dict[Key, tuple[int, int]] = {}
        self._arrived: set[tuple[str, str, str]] = set()
        self._news = asyncio.Event()

    def expect(self, key: Key, replicas: int, workers: int) -> None:
        """Wait for these numbers of producer replicas and of workers in each consumer."""
        self._expected[key] = replicas, workers

    def seen(self, kind: Kind, seen: Seen) -> None:
        """One object, new or changed."""
        if kind == PIPELINE:
            self._pipeline(seen)
        elif kind == DEPLOYMENT:
            self._deployment(seen)
        self._news.set()

    async def until(self, what: str, done: Callable[[], bool], seconds: float) -> None:
        """Wait until it is so. Raises TimeoutError with `what` after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not done():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}; {len(self.ready)} pipelines are Ready") from None

    def _pipeline(self, seen: Seen) -> None:
        key = seen.metadata.namespace, seen.metadata.name
        if seen.status.get("observedGeneration") != seen.metadata.generation:
            return
        self.looked_at.setdefault(key, self._clock())
        if any(each["type"] == "Ready" and each["status"] == "True" for each in seen.status["conditions"]):
            self.ready.setdefault(key, self._clock())

    def _deployment(self, seen: Seen) -> None:
        name, _, component = seen.metadata.name.rpartition("-")
        key = seen.metadata.namespace, name
        wanted = self._expected.get(key)
        if wanted is None:
            return
        if component == "producer":
            there = seen.spec["replicas"] == wanted[0]
        else:
            env = seen.spec["template"]["spec"]["containers"][0]["env"]
            there = {"name": Env.WORKERS, "value": str(wanted[1])} in env
        if there:
            other = (*key, "consumer" if component == "producer" else "producer")
            self._arrived.add((*key, component))
            if other in self._arrived:
                self.changed.setdefault(key, self._clock())
