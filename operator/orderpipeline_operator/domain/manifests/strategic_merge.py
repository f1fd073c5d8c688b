"""Strategic merge of a part of a PodTemplateSpec: maps by field, lists by their merge key, other lists as a whole.

The keys are those of Kubernetes' own types (`patchMergeKey`). Directives such as `$patch` are not supported.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orderpipeline_operator.domain.kubernetes.kinds import Manifest

MERGE_KEYS: Final = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
}
"""Merge key of each list in a PodTemplateSpec that has one; a name means the same wherever it stands there."""


def strategic_merge(base: Mapping[str, Any], patch: Mapping[str, Any]) -> Manifest:
    """`base` with `patch` merged into it. Neither is changed; entries of `base` keep their place, new ones follow."""
    result = dict(base)
    for field, value in patch.items():
        before = result.get(field)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            result[field] = strategic_merge(before, value)
        elif isinstance(before, Sequence) and isinstance(value, list) and field in MERGE_KEYS:
            result[field] = _merge_lists(before, value, MERGE_KEYS[field])
        else:
            result[field] = value
    return result


def _merge_lists(base: Sequence[Any], patch: Sequence[Any], key: str) -> list[Any]:
    """Each entry of `base` is merged with the first of `patch` that has its key; the rest is appended."""
    result, rest = [], list(patch)
    for entry in base:
        found = next((each for each in rest if _key(each, key) == _key(entry, key)), None)
        if found is None:
            result.append(entry)
        else:
            rest.remove(found)
            result.append(strategic_merge(entry, found))
    return result + rest


def _key(entry: Any, key: str) -> Any:
    return entry.get(key) if isinstance(entry, Mapping) else None
