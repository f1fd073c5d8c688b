"""The only way to the Kubernetes API: a few verbs on plain JSON objects, server-side apply under one field manager.

The Kubernetes client carries the requests and proves who we are. Its models stay out of it: most of what is written
here are Strimzi's kinds and our own, which have none.
"""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration

from orderpipeline_operator.domain.kinds import Kind, Manifest, Ref, kind_of, ref_of
from orderpipeline_operator.domain.names import FIELD_MANAGER
from orderpipeline_operator.errors import Unreachable, from_status

_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_MERGE = "application/merge-patch+json"


class Kube:
    """A client of one API server. Make it inside the loop that uses it and close it there.

    All methods raise the errors of `errors.py`; a request that takes longer than `timeout` seconds is Unreachable.
    """

    def __init__(self, cluster: Configuration, *, timeout: float = 15.0) -> None:
        self._client = ApiClient(cluster)
        self._client.user_agent = FIELD_MANAGER
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def get(self, ref: Ref) -> Manifest:
        """One object."""
        return await self._call("get", str(ref), "GET", _path(ref.kind, ref.namespace, ref.name))

    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]:
        """All objects of a kind, in one namespace or (None) everywhere. Items carry apiVersion and kind."""
        what = f"{kind.plural} in {namespace or 'all namespaces'}"
        query = {"limit": "500"} | ({"labelSelector": label_selector} if label_selector else {})
        items: list[Manifest] = []
        while True:
            page = await self._call("list", what, "GET", _path(kind, namespace), query=query)
            items += ({"apiVersion": kind.api_version, "kind": kind.kind} | item for item in page["items"])
            token = page["metadata"].get("continue")
            if not token:
                return tuple(items)
            query["continue"] = token

    async def apply(self, manifest: Manifest, *, force: bool = True, manager: str = FIELD_MANAGER) -> Manifest:
        """Server-side apply. Without force, fields that somebody else set otherwise are a Conflict."""
        return await self._apply(ref_of(manifest), manifest, "", force, manager)

    async def apply_status(self, manifest: Manifest) -> Manifest:
        """Server-side apply of .status alone; NotFound when the object is gone."""
        return await self._apply(ref_of(manifest), manifest, "/status", True, FIELD_MANAGER)

    async def create(self, manifest: Manifest) -> Manifest:
        """Create; Conflict when it exists."""
        kind, meta = kind_of(manifest), manifest["metadata"]
        what = f"{kind.kind} {meta['namespace']}/{meta.get('name') or meta.get('generateName')}"
        query = {"fieldManager": FIELD_MANAGER}
        return await self._call("create", what, "POST", _path(kind, meta["namespace"]), manifest, query=query)

    async def replace(self, manifest: Manifest) -> Manifest:
        """Replace the whole object; Conflict when its resourceVersion is no longer the newest."""
        ref = ref_of(manifest)
        query = {"fieldManager": FIELD_MANAGER}
        return await self._call(
            "replace", str(ref), "PUT", _path(ref.kind, ref.namespace, ref.name), manifest, query=query
        )

    async def patch(
        self, ref: Ref, body: Mapping[str, Any], *, subresource: str = "", manager: str = FIELD_MANAGER
    ) -> Manifest:
        """JSON merge patch; a resourceVersion in it is a precondition."""
        path = _path(ref.kind, ref.namespace, ref.name) + (f"/{subresource}" if subresource else "")
        return await self._call("patch", str(ref), "PATCH", path, body, query={"fieldManager": manager}, content=_MERGE)

    async def delete(self, ref: Ref, *, uid: str, propagation: str = "Background") -> None:
        """Delete the object with this uid; gone already is fine, another object of the same name is a Conflict."""
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": propagation,
            "preconditions": {"uid": uid},
        }
        await self._call("delete", str(ref), "DELETE", _path(ref.kind, ref.namespace, ref.name), body, absent_ok=True)

    async def post(self, path: str, body: Mapping[str, Any]) -> Manifest:
        """POST to a path that is no stored resource, such as a SubjectAccessReview."""
        return await self._call("post", path, "POST", path, body)

    async def _apply(self, ref: Ref, manifest: Manifest, subresource: str, force: bool, manager: str) -> Manifest:
        query = {"fieldManager": manager, "force": "true" if force else "false", "fieldValidation": "Strict"}
        path = _path(ref.kind, ref.namespace, ref.name) + subresource
        return await self._call("apply", str(ref), "PATCH", path, manifest, query=query, content=_APPLY)

    async def _call(
        self,
        verb: str,
        what: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        absent_ok: bool = False,
    ) -> Manifest:
        try:
            request = await self._client.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": content},
                body=body,
                auth_settings=["BearerToken"],
            )
            reply = await self._client.call_api(*request, _request_timeout=self._timeout)
            raw = await reply.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{verb} {what}", 0, "Unreachable", f"{type(error).__name__}: {error}") from error
        status = reply.status
        if status >= 400 and not (absent_ok and status == 404):
            reason, message = _explain(raw)
            raise from_status(f"{verb} {what}", status, reason, message)
        result: Manifest = json.loads(raw)
        return result


def _path(kind: Kind, namespace: str | None, name: str = "") -> str:
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{kind.plural}" + (f"/{name}" if name else "")


def _explain(raw: bytes) -> tuple[str, str]:
    """Reason and message of a Status object; whatever else came, its first 300 characters."""
    try:
        status = json.loads(raw)
        return str(status["reason"]), str(status["message"])
    except (ValueError, KeyError, TypeError):
        return "", raw[:300].decode(errors="replace")
