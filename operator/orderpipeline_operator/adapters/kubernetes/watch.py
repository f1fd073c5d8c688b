"""Lists page by page, and watches, both as text: the caller decides what to parse."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient, error_of, path_of
from orderpipeline_operator.domain.kubernetes.kinds import Kind
from orderpipeline_operator.errors import from_status

PAGE: Final = "200"
"""Objects per page: enough to be fast, few enough not to need memory just once."""


class _Page(msgspec.Struct):
    metadata: dict[str, Any]
    items: list[msgspec.Raw] | None = None


class WatchEvent(msgspec.Struct):
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR, and the object as JSON."""

    type: str
    object: msgspec.Raw


@dataclass(frozen=True)
class ListWatch:
    """What is listed and watched: a kind in one namespace or (None) everywhere; `partial`: only its metadata."""

    kind: Kind
    namespace: str | None
    selector: str
    partial: bool = False

    def __str__(self) -> str:
        return f"{self.kind.plural} in {self.namespace or 'all namespaces'}"


_PAGES, _EVENTS = msgspec.json.Decoder(_Page), msgspec.json.Decoder(WatchEvent)


async def pages(kube: KubernetesClient, of: ListWatch) -> AsyncGenerator[tuple[list[msgspec.Raw], str]]:
    """Objects as JSON without apiVersion and kind, and the resourceVersion of the whole list. Raises ApiError."""
    query = {"limit": PAGE} | ({"labelSelector": of.selector} if of.selector else {})
    while True:
        raw = await kube.raw(f"list {of}", path_of(of.kind, of.namespace), query, _accept(of, "List"))
        page = _PAGES.decode(raw)
        yield page.items or [], str(page.metadata["resourceVersion"])
        token = page.metadata.get("continue")
        if not token:
            return
        query["continue"] = token


async def watch(
    kube: KubernetesClient, of: ListWatch, version: str, seconds: float
) -> AsyncGenerator[WatchEvent | None]:
    """What happened after `version`, for `seconds`. The first item is None: the watch is established.

    Raises ApiError also for errors within the watch; a version that is too old has status 410.
    """
    query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
    query |= {"timeoutSeconds": str(round(seconds))} | ({"labelSelector": of.selector} if of.selector else {})
    what = f"watch {of}"
    async with aclosing(kube.lines(what, path_of(of.kind, of.namespace), query, _accept(of))) as lines:
        async for line in lines:
            event = _EVENTS.decode(line) if line else None
            if event is not None and event.type == "ERROR":
                code = int(msgspec.json.decode(event.object).get("code", 500))
                raise from_status(what, code, *error_of(bytes(event.object)))
            yield event


def _accept(of: ListWatch, suffix: str = "") -> str:
    json = "application/json"
    return f"{json};as=PartialObjectMetadata{suffix};g=meta.k8s.io;v=v1" if of.partial else json
