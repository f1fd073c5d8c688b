"""One sampler for all pages: each pipeline is looked at once a tick, and each view is encoded once for all its pages.

A page subscribes to one view. It gets the newest state of it and never a queue of old ones, so that a slow reader costs
no memory.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from orderpipeline_common.supervision import Activity
from orderpipeline_operator.console.brokers import KafkaFacts
from orderpipeline_operator.console.facts import Facts, KafkaAccess, Topics
from orderpipeline_operator.console.source import Source
from orderpipeline_operator.console.timeline import Timeline, point
from orderpipeline_operator.console.views.overview import Query, overview
from orderpipeline_operator.console.views.pipeline import pipeline
from orderpipeline_operator.sampling.target import Key

TICK_SECONDS: Final = 1.0
POINT_SECONDS: Final = 2.0
CLUSTER_SECONDS: Final = 10.0
"""Time between two looks at the brokers of a pipeline that somebody watches."""
TAIL: Final = 30
"""Points that each update repeats, so that a page that missed some needs no other request."""

ReadCluster = Callable[[KafkaAccess, Topics, float], KafkaFacts]
View = Callable[[], bytes | None]


@dataclass(eq=False)
class Subscription:
    """What one page waits for: `updates` yields a view when it has changed; None: nothing did for `quiet` seconds."""

    view: View
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    latest: bytes | None = None

    def offer(self, latest: bytes | None) -> None:
        """The newest view."""
        if latest != self.latest:
            self.latest = latest
            self.changed.set()

    async def updates(self, quiet: float) -> AsyncIterator[bytes | None]:
        """Until cancelled."""
        while True:
            try:
                async with asyncio.timeout(quiet):
                    await self.changed.wait()
            except TimeoutError:
                yield None
                continue
            self.changed.clear()
            if self.latest is not None:
                yield self.latest


class Live:
    """Runs in one event loop. `unix` is the clock of what Kafka is read at; `read_cluster` blocks, in a thread."""

    def __init__(
        self,
        source: Source,
        read_cluster: ReadCluster,
        unix: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source, self._read_cluster, self._unix, self._sleep = source, read_cluster, unix, sleep
        self._timelines: dict[Key, Timeline] = {}
        self._clusters: dict[Key, KafkaFacts] = {}
        self._read_at: dict[Key, float] = {}
        self._watched: dict[Key, int] = {}
        self._reading: set[asyncio.Task[None]] = set()
        self._subscriptions: set[Subscription] = set()
        self._made: dict[object, bytes | None] = {}
        """Views of the present tick by what they show."""

    @property
    def pages(self) -> int:
        """How many pages are open."""
        return len(self._subscriptions)

    async def run(self, activity: Activity) -> None:
        """Tick until cancelled."""
        try:
            while True:
                activity.turn()
                self.tick()
                await self._sleep(TICK_SECONDS)
        finally:
            for task in self._reading:
                task.cancel()

    def tick(self) -> None:
        """Look at all pipelines, and give each page what has changed of its view."""
        keys = set(self._source.pipelines())
        for key in keys:
            facts = self._source.facts(key)
            if facts is not None:
                self._timelines.setdefault(key, Timeline(POINT_SECONDS)).add(point(facts))
        for gone in self._timelines.keys() - keys:
            del self._timelines[gone]
            self._clusters.pop(gone, None)
            self._read_at.pop(gone, None)
        self._made.clear()
        for key in self._watched:
            self._look_at_cluster(key)
        for one in self._subscriptions:
            one.offer(one.view())

    def pipeline_json(self, key: Key, points: int | None = None) -> bytes | None:
        """The view of a pipeline with its last `points` (None: all); None if there is no such pipeline."""
        name = (key, points)
        if name not in self._made:
            facts, timeline = self._source.facts(key), self._timelines.get(key)
            self._made[name] = None if facts is None else msgspec.json.encode(
                pipeline(facts, self._clusters.get(key), () if timeline is None else timeline.last(points))
            )  # fmt: skip
        return self._made[name]

    def overview_json(self, query: Query, namespaces: frozenset[str]) -> bytes:
        """The list of the pipelines in those namespaces."""
        name = (query, namespaces)
        if name not in self._made:
            self._made[name] = msgspec.json.encode(overview(self._facts(namespaces), query))
        found = self._made[name]
        assert found is not None
        return found

    @contextmanager
    def watch(self, view: View, key: Key | None = None) -> Iterator[Subscription]:
        """Subscribe to a view, of the pipeline `key` if it is of one."""
        subscription = Subscription(view)
        self._subscriptions.add(subscription)
        if key is not None:
            self._watched[key] = self._watched.get(key, 0) + 1
            self._look_at_cluster(key)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            if key is not None:
                self._watched[key] -= 1
                if not self._watched[key]:
                    del self._watched[key]

    def _facts(self, namespaces: frozenset[str]) -> Iterator[Facts]:
        for key in self._source.pipelines():
            if key[0] in namespaces:
                facts = self._source.facts(key)
                if facts is not None:
                    yield facts

    def _look_at_cluster(self, key: Key) -> None:
        now = self._unix()
        if 0 <= now - self._read_at.get(key, float("-inf")) < CLUSTER_SECONDS:
            return
        access, facts = self._source.kafka(key), self._source.facts(key)
        if access is None or facts is None:
            return
        self._read_at[key] = now
        task = asyncio.get_running_loop().create_task(self._read(key, access, facts.topics))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, key: Key, access: KafkaAccess, topics: Topics) -> None:
        with suppress(asyncio.CancelledError):
            self._clusters[key] = await asyncio.to_thread(self._read_cluster, access, topics, self._unix())
