"""kopf's part: it watches, and every event becomes the key of a pipeline. It writes nothing at all."""

import asyncio
import copy
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

from orderpipeline_operator.adapters.credentials import authorization
from orderpipeline_operator.domain import names
from orderpipeline_operator.domain.kinds import CHILD_KINDS, PIPELINE, SCALED_OBJECT, SECRET, Kind
from orderpipeline_operator.domain.observe import conditions
from orderpipeline_operator.gather import Key

LOG = logging.getLogger(__name__)
OURS = f"{names.PIPELINE_LABEL},{names.MANAGED_BY_LABEL}={names.FIELD_MANAGER}"


def key_of(body: Mapping[str, Any]) -> Key | None:
    """The pipeline that an object belongs to: itself, or by label; None for an object of no pipeline."""
    meta = body.get("metadata") or {}
    if body.get("kind") == PIPELINE.kind:
        return meta["namespace"], meta["name"]
    labels = meta.get("labels") or {}
    name = labels.get(names.PIPELINE_LABEL) or labels.get(names.STRIMZI_CLUSTER_LABEL)
    return (meta["namespace"], name) if name else None


class News:
    """Keeps out the events of a ScaledObject that tell nothing: KEDA notes in it, at every poll, that it was active."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def worth(self, type_: str | None, body: Mapping[str, Any]) -> bool:
        """Whether the event is worth a look. `type_`: ADDED, MODIFIED, DELETED, or None when first listed."""
        if body.get("kind") != SCALED_OBJECT.kind:
            return True
        meta = body["metadata"]
        if type_ == "DELETED":
            self._known.pop(meta["uid"], None)
            return True
        told = (meta.get("generation"), meta.get("labels"), meta.get("deletionTimestamp"), conditions(dict(body)))
        same = self._known.get(meta["uid"]) == told
        self._known[meta["uid"]] = copy.deepcopy(told)
        return not same


def registry(cluster: Configuration, enqueue: Callable[[Key], None]) -> kopf.OperatorRegistry:
    """Handlers for the pipelines, their children, and the Secrets that Strimzi keeps for them."""
    made = kopf.OperatorRegistry()

    async def on_login(**_: Any) -> kopf.ConnectionInfo:
        return await connection_info(cluster)

    news = News()

    async def on_event(type: str | None, body: Mapping[str, Any], **_: Any) -> None:  # noqa: A002 - kopf's name
        key = key_of(body)
        if key is not None and news.worth(type, body):
            enqueue(key)

    kopf.on.login(registry=made)(on_login)
    for kind in (PIPELINE, SECRET, *CHILD_KINDS):
        kopf.on.event(kind.group, kind.version, kind.plural, registry=made, id=f"on_{kind.plural}")(on_event)
    return made


def settings(*, cluster_wide: bool) -> kopf.OperatorSettings:
    """kopf with all that writes turned off, and its waits capped: no minutes of silence after an outage."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.scanning.disabled = not cluster_wide
    made.queueing.error_delays = (1, 1, 2, 3, 5, 8, 13, 21, 30)
    made.networking.error_backoffs = (0.5, 1, 1, 2, 3, 5)
    made.networking.request_timeout = 60
    made.networking.connect_timeout = 10
    made.watching.connect_timeout = 10
    for kind in CHILD_KINDS:
        made.watching.label_selectors[_selector(kind)] = OURS
    made.watching.label_selectors[_selector(SECRET)] = names.STRIMZI_CLUSTER_LABEL
    return made


async def connection_info(cluster: Configuration) -> kopf.ConnectionInfo:
    """kopf's form of our credentials; asked for again whenever the API server refuses the token."""
    scheme, token = await authorization(cluster) or (None, None)
    return kopf.ConnectionInfo(
        server=cluster.host,
        ca_path=cluster.ssl_ca_cert,
        insecure=not cluster.verify_ssl,
        scheme=scheme,
        token=token,
        certificate_path=cluster.cert_file,
        private_key_path=cluster.key_file,
        proxy_url=cluster.proxy,
        trust_env=True,
    )


class Watch:
    """kopf in a thread and loop of its own, since it ends every task of the loop it runs in."""

    def __init__(
        self, registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings, namespaces: tuple[str, ...]
    ) -> None:
        self._stop = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self.failure = ""
        """Why it ended by itself."""
        self._thread = threading.Thread(
            target=self._run, args=(registry, settings, namespaces), name="watch", daemon=True
        )

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    async def wait(self) -> None:
        """Until it has ended, which it does by itself only when something is badly wrong."""
        await self._ended.wait()

    async def stop(self, seconds: float) -> None:
        """Ask it to end and wait, at most that long."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join, seconds)

    def _run(
        self, registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings, namespaces: tuple[str, ...]
    ) -> None:
        self.failure = "kopf ended by itself"
        try:
            asyncio.run(
                kopf.operator(
                    registry=registry,
                    settings=settings,
                    standalone=True,
                    clusterwide=not namespaces,
                    namespaces=namespaces,
                    stop_flag=self._stop,
                )
            )
        except Exception as error:  # told to the main loop, which ends the process
            self.failure = f"watching failed: {error!r}"
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ended.set)


def _selector(kind: Kind) -> tuple[str, str]:
    return kind.group, kind.plural
