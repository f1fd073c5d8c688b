"""The only way to the Kubernetes API: a few verbs on plain JSON objects, server-side apply under one field manager.

The models of the Kubernetes client stay out of it: most objects written here are of Strimzi's kinds and our own, which
have none.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import msgspec
from kubernetes.aio.client import Configuration

from orderpipeline_operator.adapters.kubernetes.transport import REQUEST_ERRORS, Request, Transport
from orderpipeline_operator.domain.kubernetes.kinds import Kind, Manifest, Ref, kind_of, ref_of
from orderpipeline_operator.domain.kubernetes.names import FIELD_MANAGER
from orderpipeline_operator.errors import NotFound, Unreachable, from_status

_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_MERGE = "application/merge-patch+json"
_STRICT: Final = {"fieldValidation": "Strict"}
"""Refuse fields that the kind does not have, instead of dropping them."""
SILENCE: Final = 150.0
"""Seconds without a line after which a watch counts as broken; the API server sends bookmarks every minute."""


class KubernetesClient:
    """A client of one API server. Make it inside the loop that uses it and close it there.

    All methods raise the errors of `errors.py`; a request that takes longer than `timeout` seconds is Unreachable.
    With `dry_run`, the API server answers writes as ever, and stores nothing.
    """

    def __init__(self, cluster: Configuration, *, timeout: float = 15.0, dry_run: bool = False) -> None:
        self._transport = Transport(cluster, FIELD_MANAGER, timeout)
        self._write_options = {"dryRun": "All"} if dry_run else {}

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def get(self, ref: Ref) -> Manifest:
        """One object."""
        return await self._object(f"get {ref}", Request("GET", path_of(ref.kind, ref.namespace, ref.name)))

    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]:
        """All objects of a kind, in one namespace or (None) everywhere. Items carry apiVersion and kind."""
        what = f"{kind.plural} in {namespace or 'all namespaces'}"
        query = {"limit": "500"} | ({"labelSelector": label_selector} if label_selector else {})
        items: list[Manifest] = []
        while True:
            page = await self._object(f"list {what}", Request("GET", path_of(kind, namespace), query))
            items += ({"apiVersion": kind.api_version, "kind": kind.kind} | item for item in page["items"])
            token = page["metadata"].get("continue")
            if not token:
                return tuple(items)
            query["continue"] = token

    async def raw(self, what: str, path: str, query: Mapping[str, str], accept: str) -> bytes:
        """GET of anything, as text."""
        return await self._send(what, Request("GET", path, query, accept=accept))

    async def lines(self, what: str, path: str, query: Mapping[str, str], accept: str) -> AsyncGenerator[bytes]:
        """GET of an answer that does not end, line by line. The first is empty: the answer has begun."""
        rest = b""
        try:
            async with aclosing(self._transport.stream(path, query, silence=SILENCE, accept=accept)) as pieces:
                async for status, piece in pieces:
                    if status >= 400:
                        rest += piece
                        continue
                    if not piece:
                        yield b""
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        yield line
        except REQUEST_ERRORS as error:
            raise Unreachable(what, 0, "Unreachable", f"{type(error).__name__}: {error}") from error
        if status >= 400:
            raise from_status(what, status, *error_of(rest))

    async def make(self, manifest: Manifest) -> Manifest:
        """Server-side apply of an object that does not exist yet; Conflict when it does, whoever owns it."""
        # A precondition that no existing object meets, and that the API server does not check for a new one.
        meta = {**manifest["metadata"], "resourceVersion": "1"}
        return await self._apply(ref_of(manifest), {**manifest, "metadata": meta}, "", True, FIELD_MANAGER)

    async def apply(self, manifest: Manifest, *, force: bool = True, manager: str = FIELD_MANAGER) -> Manifest:
        """Server-side apply. Without force, fields that somebody else set to other values are a Conflict."""
        return await self._apply(ref_of(manifest), manifest, "", force, manager)

    async def apply_status(self, manifest: Manifest) -> Manifest:
        """Server-side apply of .status alone; NotFound when the object is gone."""
        return await self._apply(ref_of(manifest), manifest, "/status", True, FIELD_MANAGER)

    async def create(self, manifest: Manifest) -> Manifest:
        """Create; Conflict when it exists."""
        kind, meta = kind_of(manifest), manifest["metadata"]
        what = f"{kind.kind} {meta['namespace']}/{meta.get('name') or meta.get('generateName')}"
        request = Request("POST", path_of(kind, meta["namespace"]), {"fieldManager": FIELD_MANAGER}, _json(manifest))
        return await self._object(f"create {what}", request)

    async def replace(self, manifest: Manifest) -> Manifest:
        """Replace the whole object; Conflict when its resourceVersion is no longer the newest."""
        ref = ref_of(manifest)
        path = path_of(ref.kind, ref.namespace, ref.name)
        request = Request("PUT", path, {"fieldManager": FIELD_MANAGER}, _json(manifest))
        return await self._object(f"replace {ref}", request)

    async def patch(
        self, ref: Ref, body: Mapping[str, Any], *, subresource: str = "", manager: str = FIELD_MANAGER
    ) -> Manifest:
        """JSON merge patch; a resourceVersion in it is a precondition."""
        path = path_of(ref.kind, ref.namespace, ref.name) + (f"/{subresource}" if subresource else "")
        return await self._object(
            f"patch {ref}", Request("PATCH", path, {"fieldManager": manager, **_STRICT}, _json(body), content=_MERGE)
        )

    async def delete(self, ref: Ref, *, uid: str, propagation: str = "Background") -> None:
        """Delete the object with this uid; already gone is fine, another object of the same name is a Conflict."""
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": propagation,
            "preconditions": {"uid": uid},
        }
        request = Request("DELETE", path_of(ref.kind, ref.namespace, ref.name), body=_json(body))
        try:
            await self._send(f"delete {ref}", request)
        except NotFound as error:
            if error.status != 404:
                raise

    async def post(self, path: str, body: Mapping[str, Any]) -> Manifest:
        """POST to a path that is not a stored resource, such as a SubjectAccessReview."""
        return await self._object(f"post {path}", Request("POST", path, body=_json(body)))

    async def _apply(self, ref: Ref, manifest: Manifest, subresource: str, force: bool, manager: str) -> Manifest:
        query = {"fieldManager": manager, "force": "true" if force else "false", **_STRICT}
        path = path_of(ref.kind, ref.namespace, ref.name) + subresource
        return await self._object(f"apply {ref}", Request("PATCH", path, query, _json(manifest), content=_APPLY))

    async def _object(self, what: str, request: Request) -> Manifest:
        result: Manifest = msgspec.json.decode(await self._send(what, request))
        return result

    async def _send(self, what: str, request: Request) -> bytes:
        if request.method != "GET" and self._write_options:
            request = replace(request, query={**request.query, **self._write_options})
        try:
            status, raw = await self._transport.send(request)
        except REQUEST_ERRORS as error:
            raise Unreachable(what, 0, "Unreachable", f"{type(error).__name__}: {error}") from error
        if status >= 400:
            raise from_status(what, status, *error_of(raw))
        return raw


def _json(body: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(body)


def path_of(kind: Kind, namespace: str | None, name: str = "") -> str:
    """The path of a kind, in one namespace or (None) everywhere, or of one object."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    scope = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""  # no part of it ends the path
    return f"{root}{scope}/{kind.plural}" + (f"/{quote(name, safe='')}" if name else "")


def error_of(raw: bytes) -> tuple[str, str]:
    """Reason and message of a Status object; of anything else, the first 300 characters."""
    try:
        status = msgspec.json.decode(raw)
        return str(status.get("reason") or ""), str(status["message"])
    except (ValueError, KeyError, TypeError, AttributeError):  # msgspec's DecodeError is a ValueError
        return "", raw[:300].decode(errors="replace")
