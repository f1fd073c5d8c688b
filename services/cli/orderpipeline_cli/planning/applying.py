"""How a pipeline's file is applied: in the way in which its live object was applied last.

It matters for fields that the file no longer has. Server-side apply removes those that its field manager owns, and
kubectl's client-side apply those in the annotation with what it applied last.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.kubernetes.names import FIELD_MANAGER

KUBECTL: Final = "kubectl"
"""The field manager of `kubectl apply --server-side`."""
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Apply:
    """Server-side apply of `manifest` as this field manager."""

    manifest: Manifest
    manager: str


@dataclass(frozen=True)
class Merge:
    """A JSON merge patch."""

    patch: Manifest


def applying(document: Manifest, live: Manifest | None) -> Apply | Merge:
    """How to apply a document. `live` is None if the pipeline does not exist yet."""
    manager = _last_manager(live)
    if manager is not None:
        return Apply(document, manager)
    last = _last_applied(live)
    return Apply(document, KUBECTL) if last is None else Merge(merge_patch(last, document))


def merge_patch(last: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`wanted`, with null for each field that `last` had and `wanted` does not."""
    patch: dict[str, Any] = {key: None for key in last if key not in wanted}
    for key, value in wanted.items():
        before = last.get(key)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        patch[key] = merge_patch(before, value) if both else value  # type: ignore[arg-type]
    return patch


def _last_manager(live: Manifest | None) -> str | None:
    entries = ((live or {}).get("metadata") or {}).get("managedFields") or ()
    found = [
        entry
        for entry in entries
        if entry.get("operation") == "Apply" and not entry.get("subresource") and entry.get("manager") != FIELD_MANAGER
    ]
    latest = max(found, key=lambda entry: str(entry.get("time") or ""), default=None)
    return None if latest is None else str(latest["manager"])


def _last_applied(live: Manifest | None) -> Manifest | None:
    text = (((live or {}).get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
