"""Keeps the store up to date with one kind of object: list, then watch, and list again when the watch breaks off."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from orderpipeline_common.backoff import backoff
from orderpipeline_common.supervision import Turn, no_turn
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.kubernetes.store import Store, version_of
from orderpipeline_operator.adapters.kubernetes.watch import ListWatch, pages, watch
from orderpipeline_operator.domain.kubernetes.kinds import Ref
from orderpipeline_operator.errors import ApiError, NotFound

LOG = logging.getLogger(__name__)
WATCH_SECONDS = 300.0
"""How long a watch lasts at least; up to half as long again, so that not all of them end at once."""
MISSING_KIND_SECONDS = 10.0
"""Time between two checks for a kind whose CRD is not installed."""
GONE = 410


class Informer:
    """One kind. Readers look at `synced` and `kind_missing`; if neither is set, ask the API server."""

    def __init__(
        self,
        kube: KubernetesClient,
        store: Store,
        watched: ListWatch,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._kube, self._store, self._watched = kube, store, watched
        self._sleep, self._jitter = sleep, jitter
        self.name = str(watched)
        self._version = ""
        """The resourceVersion that the store is up to date with; empty: it has to be listed."""
        self._failures = 0
        """Since something was last heard of a watch; that it begins is not yet a success."""
        self.synced = False
        """Whether the store holds all objects, apart from events still in transit."""
        self.kind_missing = False
        """Whether the cluster does not know the kind."""
        self._settled = asyncio.Event()

    async def wait_synced(self) -> None:
        """Wait until the kind is listed and watched, or found to be missing."""
        await self._settled.wait()

    async def run(self, turn: Turn = no_turn) -> None:
        """List and watch until cancelled."""
        while True:
            turn()
            try:
                if not self._version:
                    await self._list(turn)
                if not await self._follow(turn):  # it ended as soon as it began
                    self._failures += 1
                    await self._sleep(backoff(self._failures))
            except NotFound:
                self._version, self.synced, self.kind_missing = "", False, True
                self._settled.set()
                self._store.keep_only(self._watched.kind, self._watched.namespace, (), str(2**63))
                await self._sleep(MISSING_KIND_SECONDS)
            except ApiError as error:
                self.synced = False
                self._failures += 1
                if error.status == GONE:
                    self._version = ""
                    if self._failures == 1:  # it happens after a pause: list anew at once
                        continue
                LOG.log(logging.WARNING if self._failures > 1 else logging.INFO, "%s; trying again", error)
                await self._sleep(backoff(self._failures))

    def behind(self, version: str) -> bool:
        """Whether the watch has yet to report what happened at this version."""
        return int(self._version or 0) < int(version)

    async def _list(self, turn: Turn) -> None:
        of = self._watched
        there: list[Ref] = []
        version = ""
        async with aclosing(pages(self._kube, of)) as found:
            async for raws, version in found:  # noqa: B007 - the last one counts
                turn()
                there += [self._store.put(of.kind, bytes(raw), partial=of.partial) for raw in raws]
        self._store.keep_only(of.kind, of.namespace, there, version)
        self._version, self.kind_missing = version, False

    async def _follow(self, turn: Turn) -> bool:
        """Whether the watch told anything until it ended."""
        of, told = self._watched, False
        seconds = WATCH_SECONDS * (1 + 0.5 * self._jitter())
        async with aclosing(watch(self._kube, of, self._version, seconds)) as events:
            async for event in events:
                turn()
                if event is None:
                    self.synced = True
                    self._settled.set()
                    continue
                self._failures, told = 0, True
                raw = bytes(event.object)
                if event.type == "DELETED":
                    self._store.drop(of.kind, raw)
                elif event.type != "BOOKMARK":
                    self._store.put(of.kind, raw, partial=of.partial)
                self._version = version_of(raw)
        return told
