"""Watches the pipelines with kopf: in each place (a namespace, or the whole cluster) with a thread of its own.

kopf ends when a watch fails in a way that it does not know: it is started again, so that one place's failure is no
other's.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import kopf
from kubernetes.aio.client import Configuration

from orderpipeline_common.activities import OperatorActivity
from orderpipeline_common.background import Background
from orderpipeline_common.backoff import backoff
from orderpipeline_common.supervision import STEADY_SECONDS, Activity
from orderpipeline_operator.adapters.kubernetes import handlers
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient, path_of
from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE, Key
from orderpipeline_operator.errors import ApiError

LOOK_SECONDS: Final = 1.0
"""How often to look whether kopf watches."""
BLIND_SECONDS: Final = 60.0
"""How long kopf may run without a watch, such as when it did not find the kind, before it is started again."""
MAX_PAUSE_SECONDS: Final = 10.0

LOG = logging.getLogger(__name__)


class PipelineWatch:
    """`enqueue` is called in kopf's threads with each pipeline that changed, `report` with each place (empty: the whole
    cluster) and whether it is watched."""

    def __init__(
        self,
        cluster: Configuration,
        namespaces: tuple[str, ...],
        enqueue: Callable[[Key], None],
        report: Callable[[str, bool], None],
        background: Background,
    ) -> None:
        self._cluster = cluster
        self._places = namespaces or ("",)
        self._enqueue, self._report, self._background = enqueue, report, background
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._somewhere = background.supervisor.add(OperatorActivity.PIPELINES_WATCHED)

    def start(self) -> None:
        """Start watching."""
        for place in self._places:
            self._threads.append(
                self._background.thread(
                    OperatorActivity.PIPELINE_WATCH,
                    partial(self._watch, place),
                    self._stop,
                    f"in {place}" if place else "",
                )
            )

    async def stop(self, seconds: float) -> None:
        """Stop watching, and wait for at most that long."""
        self._stop.set()
        await asyncio.to_thread(self._join, time.monotonic() + seconds)
        self._background.supervisor.remove(self._somewhere)

    def _join(self, end: float) -> None:
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _watch(self, place: str, activity: Activity) -> None:
        failures = 0
        while not self._stop.is_set():
            activity.turn()
            began = time.monotonic()
            why = asyncio.run(self._attempt(place, activity))
            if self._stop.is_set():
                return
            failures = 1 if time.monotonic() - began >= STEADY_SECONDS else failures + 1
            self._report(place, False)
            if why != activity.note:
                LOG.warning("pipelines %s are not watched, trying again: %s", _where(place), why)
                activity.note = why
            self._stop.wait(min(backoff(failures), MAX_PAUSE_SECONDS))

    async def _attempt(self, place: str, activity: Activity) -> str:
        """Watch for as long as it works; why it no longer does."""
        try:
            await self._list(place)
        except ApiError as error:  # kopf would not say so, and wait for a kind that is missing until it is restarted
            return str(error)
        activity.turn()
        end = asyncio.Event()  # one of threading would keep a thread of the loop's executor, which this loop waits for
        running = asyncio.create_task(self._kopf(place, end))
        watched = time.monotonic()
        while not running.done():
            if _watches():
                watched = time.monotonic()
                activity.turn()
                self._somewhere.turn()
                self._report(place, True)
                activity.note = ""
            if self._stop.is_set() or time.monotonic() - watched > BLIND_SECONDS:
                end.set()
            await asyncio.wait({running}, timeout=LOOK_SECONDS)
        if running.cancelled():
            return "kopf was cancelled"
        failure = running.exception()
        return f"{type(failure).__name__}: {next(iter(failure.args), '')}" if failure else "kopf ended by itself"

    async def _list(self, place: str) -> None:
        kube = KubernetesClient(self._cluster)
        try:
            path = path_of(PIPELINE, place or None)
            await kube.raw(f"list {PIPELINE.plural} {_where(place)}", path, {"limit": "1"}, "application/json")
        finally:
            await kube.close()

    async def _kopf(self, place: str, end: asyncio.Event) -> None:
        await kopf.operator(
            registry=handlers.registry(self._cluster, self._enqueue),
            settings=handlers.settings(cluster_wide=not place),
            standalone=True,
            clusterwide=not place,
            namespaces=(place,) if place else (),
            stop_flag=end,
        )


def _watches() -> bool:
    """Whether kopf watches the pipelines: it has a task of that name then."""
    tasks: set[asyncio.Task[Any]] = asyncio.all_tasks()
    return any(task.get_name().startswith(f"watcher for {PIPELINE.plural}.") for task in tasks)


def _where(place: str) -> str:
    return f"in {place}" if place else "in all namespaces"
