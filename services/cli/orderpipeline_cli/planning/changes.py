"""The changes of a plan, and what of an object counts as one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from orderpipeline_cli.planning.applying import LAST_APPLIED
from orderpipeline_operator.domain.kubernetes.kinds import (
    DEPLOYMENT,
    KAFKA,
    NODE_POOL,
    PIPELINE,
    TOPIC,
    Manifest,
    Ref,
)
from orderpipeline_operator.domain.kubernetes.names import HASH_ANNOTATION, SECRETS_ANNOTATION

Action = Literal["create", "change", "delete"]
_SERVERS: Final = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
"""Metadata that the API server keeps."""
_BOOKKEEPING: Final = (HASH_ANNOTATION, LAST_APPLIED)
"""Annotations by which tools remember what they applied."""


@dataclass(frozen=True)
class Change:
    """One object. `before` is None if it is created, `after` if it is deleted."""

    action: Action
    ref: Ref
    before: Manifest | None
    after: Manifest | None

    @property
    def note(self) -> str:
        """What follows from the change; empty if nothing that is worth a word."""
        if self.action == "delete":
            return "its records stay in Kafka" if self.ref.kind == TOPIC else ""
        if self.before is None or self.after is None:
            return ""
        if self.ref.kind == DEPLOYMENT and _part(self.before, "template") != _part(self.after, "template"):
            return "its pods are replaced one after the other"
        if self.ref.kind in (KAFKA, NODE_POOL):
            return "Strimzi restarts brokers one after the other where the change needs that"
        return ""


@dataclass(frozen=True)
class Plan:
    """What a file would change. `refusals`: objects that would not be as they should, with the reason."""

    name: str
    namespace: str
    changes: tuple[Change, ...]
    refusals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def change(ref: Ref, before: Manifest | None, after: Manifest | None) -> Change | None:
    """The change from one state to another, without what does not count; None if nothing is left."""
    old, new = (None if each is None else significant(each) for each in (before, after))
    if old == new:
        return None
    action: Action = "create" if old is None else "delete" if new is None else "change"
    return Change(action, ref, old, new)


def significant(manifest: Manifest) -> Manifest:
    """An object without its status and without what only the API server and the tools write."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in _SERVERS}
    annotations = {key: text for key, text in (metadata.get("annotations") or {}).items() if key not in _BOOKKEEPING}
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    if manifest.get("kind") == PIPELINE.kind:
        metadata.pop("finalizers", None)  # the operator's own
    rest = {key: value for key, value in manifest.items() if key not in ("metadata", "status")}
    return {
        **{key: rest[key] for key in ("apiVersion", "kind") if key in rest},
        "metadata": metadata,
        **{key: value for key, value in rest.items() if key not in ("apiVersion", "kind")},
    }


def owned(live: Any, wanted: Any) -> Any:
    """The part of a live object that `wanted` determines, as far as it has the same shape."""
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        return {key: owned(live[key], value) for key, value in wanted.items() if key in live}
    if isinstance(live, list) and isinstance(wanted, list) and len(live) == len(wanted):
        return [owned(a, b) for a, b in zip(live, wanted, strict=True)]
    return live


def with_unread(manifest: Manifest, live: Manifest | None) -> Manifest:
    """A rendered object with what rendering takes from Secrets, which a plan does not read: the live object's values.

    That is the digest of Secrets on the pods, and KEDA's key.
    """
    if live is None:
        return manifest
    if manifest["kind"] == "ScaledObject":
        return _with_key(manifest, live)
    digest = (((_part(live, "template") or {}).get("metadata") or {}).get("annotations") or {}).get(SECRETS_ANNOTATION)
    if manifest["kind"] != DEPLOYMENT.kind or digest is None:
        return manifest
    template = manifest["spec"]["template"]
    metadata = template["metadata"]
    annotations = {**(metadata.get("annotations") or {}), SECRETS_ANNOTATION: digest}
    made = {**template, "metadata": {**metadata, "annotations": annotations}}
    return {**manifest, "spec": {**manifest["spec"], "template": made}}


def _with_key(manifest: Manifest, live: Manifest) -> Manifest:
    keys = [trigger.get("metadata", {}).get("apiKey") for trigger in live["spec"].get("triggers") or ()]
    triggers = [
        {**trigger, "metadata": {**trigger["metadata"], "apiKey": key}} if key else trigger
        for trigger, key in zip(manifest["spec"]["triggers"], [*keys, None], strict=False)
    ]
    return {**manifest, "spec": {**manifest["spec"], "triggers": triggers}}


def _part(manifest: Manifest, key: str) -> Any:
    return (manifest.get("spec") or {}).get(key)
