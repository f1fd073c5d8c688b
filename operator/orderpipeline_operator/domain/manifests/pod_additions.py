"""What a user's template adds to the pods of a service.

`validation/checks/pod_templates.py` refuses a template that would change what the operator sets, so nothing here has
to undo that.
"""

from collections.abc import Mapping
from typing import Any, Final

from orderpipeline_operator.domain.api.v1alpha1 import PodTemplate
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.manifests.strategic_merge import strategic_merge

RESTRICTED: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""What the restricted profile demands of each container; the rest of it stands in the pod's own security context."""

_LEFT_OUT_WHEN_ZERO: Final = frozenset(
    {
        "failureThreshold",
        "hostPort",
        "initialDelaySeconds",
        "periodSeconds",
        "readOnly",
        "stdin",
        "stdinOnce",
        "successThreshold",
        "timeoutSeconds",
        "tty",
    }
)
"""Fields that the API server does not store as 0 or false: for it that is the same as their absence."""
_TEXTS: Final = frozenset({"labels", "annotations", "nodeSelector", "matchLabels"})
"""Maps of texts, in which an empty one is a value of its own."""


def with_additions(rendered: Manifest, template: PodTemplate | None, pipeline: str, component: str) -> Manifest:
    """A rendered pod template with the user's merged into it."""
    if template is None:
        return rendered
    patch = as_stored(template.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    merged = strategic_merge(rendered, patch)
    spec = merged["spec"]
    for field in ("containers", "initContainers"):
        if field in spec:
            spec[field] = [each if each["name"] == component else _restricted(each) for each in spec[field]]
    selector = {"matchLabels": names.selector_labels(pipeline, component)}
    for constraint in spec["topologySpreadConstraints"]:
        constraint.setdefault("labelSelector", selector)
    return merged


def as_stored(value: Any) -> Any:
    """A value without nulls and without what the API server leaves out, so that it is found again as it was applied."""
    if isinstance(value, Mapping):
        return {
            key: dict(entry) if key in _TEXTS and isinstance(entry, Mapping) else as_stored(entry)
            for key, entry in value.items()
            if not _left_out(key, entry)
        }
    return [as_stored(entry) for entry in value] if isinstance(value, list) else value


def _left_out(key: str, value: Any) -> bool:
    if key in _LEFT_OUT_WHEN_ZERO and value in (0, False):
        return True
    return value is None or (value == "" and key != "storageClassName")  # of which an empty one means: none


def _restricted(container: Manifest) -> Manifest:
    """An additional container, which gets what the restricted profile demands unless it sets that itself."""
    return {**container, "securityContext": {**RESTRICTED, **container.get("securityContext", {})}}
