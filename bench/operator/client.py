"""A lean client of the API server for the fake controllers and the load, which share a core with it."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any

import aiohttp
import msgspec

from orderpipeline_operator.domain.kubernetes.kinds import Kind
from tests.support.apiserver import ApiServer


class Metadata(msgspec.Struct, rename="camel"):
    """The part of an object's metadata that is used here."""

    name: str
    namespace: str = ""
    generation: int = 0
    resource_version: str = ""


class WatchedObject(msgspec.Struct):
    """An object from a list or a watch."""

    metadata: Metadata
    spec: dict[str, Any] = {}
    status: dict[str, Any] = {}


class Event(msgspec.Struct):
    """One line of a watch."""

    type: str
    object: msgspec.Raw


class Items(msgspec.Struct):
    """A list of objects."""

    metadata: dict[str, Any]
    items: list[WatchedObject]


_EVENT, _WATCHED = msgspec.json.Decoder(Event), msgspec.json.Decoder(WatchedObject)
_ITEMS = msgspec.json.Decoder(Items)


class Client:
    """Sends requests with a token. RuntimeError with the server's message if one is refused."""

    def __init__(self, server: ApiServer, token: str) -> None:
        context = ssl.create_default_context(cafile=str(server.ca))
        connector = aiohttp.TCPConnector(limit=64, ssl=context)
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "fake-controllers"}
        self._session = aiohttp.ClientSession(server.url, connector=connector, headers=headers, read_bufsize=2**21)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """One request; PATCH is a JSON merge patch."""
        content = "application/merge-patch+json" if method == "PATCH" else "application/json"
        data = None if body is None else msgspec.json.encode(body)
        async with self._session.request(method, path, data=data, headers={"Content-Type": content}) as reply:
            text = await reply.read()
            if reply.status >= 400:
                raise RuntimeError(f"{method} {path}: {reply.status} {text[:300].decode(errors='replace')}")
            return text

    async def all(self, kind: Kind) -> Items:
        """All objects of a kind."""
        return _ITEMS.decode(await self.send("GET", path_of(kind)))

    async def names(self, kind: Kind) -> list[tuple[str, str]]:
        """Namespace and name of all objects of a kind."""
        return [(item.metadata.namespace, item.metadata.name) for item in (await self.all(kind)).items]

    async def watch(self, kind: Kind, version: str) -> AsyncIterator[WatchedObject]:
        """Objects of a kind that are created or changed after `version`; a broken watch raises."""
        query = {"watch": "true", "resourceVersion": version}
        timeout = aiohttp.ClientTimeout(total=None)
        rest = b""
        async with self._session.get(path_of(kind), params=query, timeout=timeout) as reply:
            async for chunk in reply.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = _EVENT.decode(line)
                    if event.type == "ERROR":
                        raise RuntimeError(f"watch of {kind.plural}: {bytes(event.object)[:300]!r}")
                    if event.type != "DELETED":
                        yield _WATCHED.decode(event.object)

    async def version(self, kind: Kind) -> str:
        """The resourceVersion of the newest state of a kind."""
        listed = json.loads(await self.send("GET", path_of(kind) + "?limit=1"))
        return str(listed["metadata"]["resourceVersion"])


def path_of(kind: Kind, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The path of a kind, of a namespace's objects, of one object, or of its subresource."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    parts = [f"namespaces/{namespace}" if namespace else "", kind.plural, name, subresource]
    return "/".join((root, *filter(None, parts)))


async def in_parallel(work: Iterable[Awaitable[Any]], width: int = 16) -> None:
    """Await everything in `work`, `width` at a time."""
    left = iter(work)

    async def one() -> None:
        for each in left:
            await each

    await asyncio.gather(*(one() for _ in range(width)))
