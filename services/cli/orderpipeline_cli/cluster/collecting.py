"""Collects what a support bundle holds: each part by itself, so that one that cannot be read costs no other."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from orderpipeline_cli.cluster.connection import Connection
from orderpipeline_cli.cluster.operators import LABEL
from orderpipeline_cli.output import to_yaml
from orderpipeline_cli.report.logs import without_orders
from orderpipeline_cli.report.objects import text_without_secrets, without_secrets
from orderpipeline_common.contract import API_PORT, CONSUMER_PORT, METRICS_PATH
from orderpipeline_operator.adapters.kubernetes.client import path_of
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, EVENT, POD, Manifest
from orderpipeline_operator.errors import ApiError
from orderpipeline_operator.reconcile.observe import observe

LOG_BYTES: Final = 4 * 1024 * 1024
"""The most that is read of one container's log."""
_PORTS: Final = {"producer": API_PORT, "consumer": CONSUMER_PORT}
OPERATOR_PORT: Final = 8080


@dataclass
class Collected:
    """Texts by their path in the bundle, and what could not be read."""

    files: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    done: int = 0


Part = Callable[[], Awaitable[None]]


class Collector:
    """Collects one pipeline. `lines`: how many of each container's log, the last ones."""

    def __init__(self, connection: Connection, pipeline: Manifest, lines: int) -> None:
        self.collected = Collected()
        self._connection, self._pipeline, self._lines = connection, pipeline, lines
        self._namespace, self._name = pipeline["metadata"]["namespace"], pipeline["metadata"]["name"]

    async def run(self, progress: Callable[[int, int], None]) -> Collected:
        """Collect everything; `progress` gets the number of parts that are done, and of all that are known so far."""
        self._object("pipeline", self._pipeline)
        pods: list[Manifest] = []
        parts: list[Part] = [
            self._children,
            self._events,
            lambda: self._pods(pods, self._namespace, f"{names.PIPELINE_LABEL}={self._name}"),
            lambda: self._pods(pods, self._namespace, names.strimzi_selector(self._name)),
            lambda: self._pods(pods, None, LABEL),
            self._operators,
        ]
        for position, part in enumerate(parts):
            progress(position, len(parts) + len(pods))
            await self._try(part)
        for position, pod in enumerate(pods):
            progress(len(parts) + position, len(parts) + len(pods))
            for each in self._of_pod(pod):
                await self._try(each)
        progress(len(parts) + len(pods), len(parts) + len(pods))
        return self.collected

    async def _try(self, part: Part) -> None:
        try:
            await part()
        except ApiError as error:
            self.collected.failures.append(text_without_secrets(str(error)))

    def _object(self, path: str, manifest: Manifest) -> None:
        self.collected.files[f"{path}.yaml"] = to_yaml(without_secrets(manifest))

    async def _children(self) -> None:
        observed = await observe(self._connection.client, self._pipeline)
        for ref, manifest in observed.children.items():
            self._object(f"objects/{ref.kind.kind}-{ref.name}", manifest)
        for manifest in observed.pod_sets:
            self._object(f"objects/StrimziPodSet-{manifest['metadata']['name']}", manifest)

    async def _events(self) -> None:
        every = await self._connection.client.list(EVENT, self._namespace)
        ours = [event for event in every if self._is_ours(event)]
        ours.sort(key=lambda event: str(event.get("eventTime") or event["metadata"]["creationTimestamp"]))
        self.collected.files["events.txt"] = "".join(f"{_event(event)}\n" for event in ours)

    def _is_ours(self, event: Manifest) -> bool:
        name = str((event.get("regarding") or {}).get("name") or "")
        return name == self._name or name.startswith(f"{self._name}-")

    async def _pods(self, pods: list[Manifest], namespace: str | None, selector: str) -> None:
        known = {_key(pod) for pod in pods}
        found = await self._connection.client.list(POD, namespace, selector)
        pods += [pod for pod in found if _key(pod) not in known]

    async def _operators(self) -> None:
        for manifest in await self._connection.client.list(DEPLOYMENT, None, LABEL):
            meta = manifest["metadata"]
            self._object(f"operator/{meta['namespace']}-{meta['name']}", manifest)

    def _of_pod(self, pod: Manifest) -> Iterator[Part]:
        meta = pod["metadata"]
        folder = f"pods/{meta['namespace']}/{meta['name']}"
        self._object(f"{folder}/pod", pod)
        component = (meta.get("labels") or {}).get(names.COMPONENT_LABEL)
        port = OPERATOR_PORT if component == "operator" else _PORTS.get(str(component))
        if port is None:
            return  # not this product's, so it is not known what its logs hold
        for container in pod["spec"]["containers"]:
            for previous in (False, True) if _restarted(pod, container["name"]) else (False,):
                yield lambda c=container["name"], p=previous: self._log(pod, folder, c, p)  # type: ignore[misc]
        yield lambda: self._metrics(pod, folder, port)

    async def _log(self, pod: Manifest, folder: str, container: str, previous: bool) -> None:
        query = {"container": container, "tailLines": str(self._lines), "limitBytes": str(LOG_BYTES)}
        if previous:
            query["previous"] = "true"
        text = await self._connection.text(f"read the log of {_key(pod)}", f"{_path(pod)}/log", query)
        name = f"{container}{'.previous' if previous else ''}.log"
        self.collected.files[f"{folder}/{name}"] = "".join(f"{line}\n" for line in without_orders(text.splitlines()))

    async def _metrics(self, pod: Manifest, folder: str, port: int) -> None:
        path = f"{_path(pod)}:{port}/proxy{METRICS_PATH}"
        text = await self._connection.text(f"read the metrics of {_key(pod)}", path)
        self.collected.files[f"{folder}/metrics.txt"] = text_without_secrets(text)


def _key(pod: Manifest) -> str:
    return f"Pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _path(pod: Manifest) -> str:
    return path_of(POD, pod["metadata"]["namespace"], pod["metadata"]["name"])


def _restarted(pod: Manifest, container: str) -> bool:
    statuses: list[Mapping[str, Any]] = (pod.get("status") or {}).get("containerStatuses") or []
    return any(one.get("name") == container and one.get("restartCount") for one in statuses)


def _event(event: Manifest) -> str:
    at = event.get("eventTime") or event["metadata"]["creationTimestamp"]
    regarding = event.get("regarding") or {}
    where = f"{regarding.get('kind')} {regarding.get('name')}"
    return text_without_secrets(f"{at} {event.get('type')} {event.get('reason')} {where}: {event.get('note')}")
