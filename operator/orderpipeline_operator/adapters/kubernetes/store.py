"""What the watches reported of the pipelines' objects: the latest state of each, as JSON text, by pipeline.

Text, since a thousand pipelines have twenty thousand objects, which take ten times the memory once parsed.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, POD_SET, SCALED_OBJECT, Key, Kind, Manifest, Ref
from orderpipeline_operator.domain.planning.observed import conditions


class _Meta(msgspec.Struct, rename="camel"):
    name: str
    namespace: str
    resource_version: str
    labels: dict[str, str] = {}

    def owner(self) -> Key | None:
        """The pipeline that the object's labels lead to."""
        name = self.labels.get(names.PIPELINE_LABEL) or self.labels.get(names.STRIMZI_CLUSTER_LABEL)
        return (self.namespace, name) if name else None


class _Object(msgspec.Struct):
    metadata: _Meta


class _Version(msgspec.Struct, rename="camel"):
    resource_version: str


class _Versioned(msgspec.Struct):
    metadata: _Version


@dataclass(frozen=True, slots=True)
class _Entry:
    version: int
    raw: bytes
    """Empty: only its existence is known."""


_META, _VERSION = msgspec.json.Decoder(_Object), msgspec.json.Decoder(_Versioned)


class Store:
    """`changed` is called with the pipeline of each object that came, went or changed. For one event loop."""

    def __init__(self, changed: Callable[[Key], None]) -> None:
        self._changed = changed
        self._by_pipeline: dict[Key, dict[Ref, _Entry]] = {}
        self._owners: dict[Ref, Key] = {}
        self._revisions: dict[Key, int] = {}
        self._changes = itertools.count(1)

    def put(self, kind: Kind, raw: bytes, *, partial: bool = False) -> Ref:
        """Store an object's state; an older one than the known one changes nothing. `partial`: without its contents."""
        meta = _META.decode(raw).metadata
        ref, version = Ref(kind, meta.namespace, meta.name), int(meta.resource_version)
        known, before = self._find(ref), self._owners.get(ref)
        if known is not None and known.version >= version:
            return ref
        kept = b"" if partial else slim(kind, raw)
        owner = self._set(ref, meta, _Entry(version, kept))
        if known is not None and before == owner and _unchanged(kind, known.raw, kept):
            return ref
        for key in {before, owner}:
            if key is not None:
                self._touch(key)
                self._changed(key)
        return ref

    def remember(self, kind: Kind, manifest: Manifest) -> None:
        """Store an object that the API server has just returned; the caller knows, so `changed` is not called."""
        meta = manifest["metadata"]
        ref, version = Ref(kind, meta["namespace"], meta["name"]), int(meta["resourceVersion"])
        known = self._find(ref)
        # One that was read while a newer one was announced is not what there is now.
        if known is None or known.version < version or (known.version == version and not known.raw):
            entry = _Entry(version, slim(kind, msgspec.json.encode(manifest)))
            owner = self._set(ref, msgspec.convert(meta, _Meta), entry)
            if owner is not None:
                self._touch(owner)

    def drop(self, kind: Kind, raw: bytes) -> None:
        """Remove an object that was deleted or lost its label, unless it was recreated since."""
        meta = _META.decode(raw).metadata
        ref = Ref(kind, meta.namespace, meta.name)
        known = self._find(ref)
        if known is not None and known.version <= int(meta.resource_version):
            self._gone(ref)

    def keep_only(self, kind: Kind, namespace: str | None, there: Iterable[Ref], version: str) -> None:
        """Forget objects of the kind, in a namespace or (None) everywhere, that a list of that version lacks."""
        left, newest = frozenset(there), int(version)
        for ref in [ref for ref in self._owners if ref.kind == kind and namespace in (None, ref.namespace)]:
            known = self._find(ref)
            if ref not in left and known is not None and known.version <= newest:
                self._gone(ref)

    def of(self, key: Key, kind: Kind) -> tuple[Manifest, ...]:
        """The objects of one kind that belong to a pipeline."""
        objects = self._by_pipeline.get(key) or {}
        return tuple(msgspec.json.decode(entry.raw) for ref, entry in objects.items() if ref.kind is kind)

    def has(self, ref: Ref) -> bool:
        """Whether the object is known to exist."""
        return ref in self._owners

    def get(self, ref: Ref) -> Manifest | None:
        """One object; None when its contents are not known."""
        known = self._find(ref)
        return msgspec.json.decode(known.raw) if known is not None and known.raw else None

    def owner(self, ref: Ref) -> Key | None:
        """The pipeline that the object belongs to; None if the object is not known."""
        return self._owners.get(ref)

    def revision(self, key: Key) -> int:
        """Another number after each change of the pipeline's objects that matters; 0 while it has none."""
        return self._revisions.get(key, 0)

    def __len__(self) -> int:
        return len(self._owners)

    def _find(self, ref: Ref) -> _Entry | None:
        owner = self._owners.get(ref)
        return None if owner is None else self._by_pipeline[owner][ref]

    def _set(self, ref: Ref, meta: _Meta, entry: _Entry) -> Key | None:
        self._remove(ref)
        owner = meta.owner()
        if owner is not None:
            self._owners[ref] = owner
            self._by_pipeline.setdefault(owner, {})[ref] = entry
        return owner

    def _gone(self, ref: Ref) -> None:
        owner = self._remove(ref)
        if owner is not None:
            self._touch(owner)
            self._changed(owner)

    def _touch(self, key: Key) -> None:
        if key in self._by_pipeline:
            self._revisions[key] = next(self._changes)
        else:
            self._revisions.pop(key, None)

    def _remove(self, ref: Ref) -> Key | None:
        owner = self._owners.pop(ref, None)
        if owner is not None:
            del self._by_pipeline[owner][ref]
            if not self._by_pipeline[owner]:
                del self._by_pipeline[owner]
        return owner


def version_of(raw: bytes) -> str:
    """The resourceVersion of an object or a bookmark."""
    return _VERSION.decode(raw).metadata.resource_version


def slim(kind: Kind, raw: bytes) -> bytes:
    """The object without what nobody reads: the field managers, which are half of an object's size, and the pods in a
    StrimziPodSet, which are nearly all of it.

    For a Deployment the manager of its replicas is kept. Items of a list do not name their kind.
    """
    manifest: dict[str, Any] = {"apiVersion": kind.api_version, "kind": kind.kind, **msgspec.json.decode(raw)}
    fields = manifest["metadata"].pop("managedFields", None) or ()
    if kind == POD_SET:
        manifest.pop("spec", None)
    if kind == DEPLOYMENT:
        of_replicas: Manifest = {"f:spec": {"f:replicas": {}}}
        manifest["metadata"]["managedFields"] = [
            {**entry, "fieldsV1": of_replicas}
            for entry in fields
            if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
        ]
    return msgspec.json.encode(manifest)


def _unchanged(kind: Kind, before: bytes, after: bytes) -> bool:
    """Whether a change is irrelevant: KEDA records in a ScaledObject, at every poll, that it was active."""
    return kind == SCALED_OBJECT and _reported(before) == _reported(after)


def _reported(raw: bytes) -> tuple[Any, ...]:
    manifest = msgspec.json.decode(raw)
    meta = manifest["metadata"]
    return meta.get("generation"), meta.get("labels"), meta.get("deletionTimestamp"), conditions(manifest)
