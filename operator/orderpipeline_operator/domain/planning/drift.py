"""Whether a live object still matches what was rendered, so that unchanged objects are not written."""

import hashlib
import json
from typing import Any, Final

from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.kubernetes.names import HASH_ANNOTATION
from orderpipeline_operator.domain.units.quantities import amount

_QUANTITY_MAPS: Final = {"requests", "limits"}
_QUANTITY_FIELDS: Final = {"sizeLimit", "averageValue", "divisor", "tolerance"}


def fingerprint(rendered: Manifest) -> str:
    """A digest of the manifest that does not depend on the order of its keys."""
    text = json.dumps(rendered, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def stamped(rendered: Manifest) -> Manifest:
    """The manifest with its fingerprint as annotation, as it is applied."""
    meta = rendered["metadata"]
    annotations = {**(meta.get("annotations") or {}), HASH_ANNOTATION: fingerprint(rendered)}
    return {**rendered, "metadata": {**meta, "annotations": annotations}}


def difference(rendered: Manifest, live: Manifest) -> str | None:
    """Path of the first field in which the live object differs; None when there is nothing to write.

    The fingerprint catches what comparing values cannot: fields that were applied before and are no longer rendered.
    """
    applied = (live["metadata"].get("annotations") or {}).get(HASH_ANNOTATION)
    if applied != fingerprint(rendered):
        return f"metadata.annotations.{HASH_ANNOTATION}"
    return _compare(rendered, live, ())


def differs(stamped_manifest: Manifest, live: Manifest) -> bool:
    """As `difference`, for a manifest that carries its fingerprint already."""
    return _compare(stamped_manifest, live, ()) is not None


def _compare(want: Any, have: Any, path: tuple[str, ...]) -> str | None:
    if want is None or want == {} or want == []:
        # The API server drops empty values; a value where none is wanted is a change.
        return ".".join(path) if have and not _open_map(path) else None
    if isinstance(want, dict):
        return _compare_maps(want, have, path)
    if isinstance(want, list):
        return _compare_lists(want, have, path)
    return None if _same(want, have, path) else ".".join(path)


def _compare_maps(want: dict[str, Any], have: Any, path: tuple[str, ...]) -> str | None:
    if not isinstance(have, dict):
        return ".".join(path)
    for key, value in want.items():
        there = have.get(key)
        if value.__class__ is str and value == there and value:
            continue  # the common case; paths are built only for fields that may differ
        found = _compare(value, there, (*path, key))
        if found:
            return found
    return None


def _compare_lists(want: list[Any], have: Any, path: tuple[str, ...]) -> str | None:
    if not isinstance(have, list):
        return ".".join(path)
    named, live = _by_name(want), _by_name(have)
    if named is not None and live is not None and named.keys() == live.keys():
        return _compare_maps(named, live, path)
    if len(want) != len(have):
        return ".".join(path)
    for index, (a, b) in enumerate(zip(want, have, strict=True)):
        found = _compare(a, b, (*path, str(index)))
        if found:
            return found
    return None


def _by_name(items: list[Any]) -> dict[str, Any] | None:
    """Items by their unique `name`, or None if they have none."""
    if not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in items):
        return None
    named = {item["name"]: item for item in items}
    return named if len(named) == len(items) else None


def _same(want: Any, have: Any, path: tuple[str, ...]) -> bool:
    if isinstance(want, bool) or isinstance(have, bool):
        return want is have
    if want == have:
        return True
    if not _is_quantity(path) or have is None:
        return False
    try:
        return amount(str(want)) == amount(str(have))
    except ValueError:
        return False


def _is_quantity(path: tuple[str, ...]) -> bool:
    return path[-1] in _QUANTITY_FIELDS or (len(path) > 1 and path[-2] in _QUANTITY_MAPS)


def _open_map(path: tuple[str, ...]) -> bool:
    """Maps with many writers: labels and annotations."""
    return path[-2:] in {("metadata", "labels"), ("metadata", "annotations")}
