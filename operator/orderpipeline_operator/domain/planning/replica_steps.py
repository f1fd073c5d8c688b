"""The consumers' replica count: which changes are up to the operator, and who is recorded as having set it."""

from typing import cast

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import AUTOSCALER_KINDS, Manifest
from orderpipeline_operator.domain.planning.observed import Observed, Scaling


def replicas_to_set(observed: Observed, view: Scaling | None, *, direct: bool) -> int | None:
    """The replica count that the operator should set now; None if it should not.

    An HPA neither leaves nor reaches 0, so those two steps are the operator's. With `direct` all steps are, as soon as
    nothing else scales, but none while the lag is unknown. A ScaledObject takes all of them itself.
    """
    name = names.consumer(observed.name)
    deployment = observed.deployment(name)
    if deployment is None or view is None or view.desired is None:
        return None
    current = deployment["spec"].get("replicas", 1)
    if observed.hpa(name) is not None:
        return view.desired if (current == 0) != (view.desired == 0) else None
    alone = not observed.of(*AUTOSCALER_KINDS)
    return view.desired if direct and alone and not view.error and view.desired != current else None


def applied_replicas(deployment: Manifest | None) -> int | None:
    """The live replica count while the operator's apply is recorded for it; None once somebody else changed it."""
    for entry in (deployment or {}).get("metadata", {}).get("managedFields") or ():
        ours = entry.get("manager") == names.FIELD_MANAGER and entry.get("operation") == "Apply"
        if ours and not entry.get("subresource") and "f:replicas" in (entry.get("fieldsV1") or {}).get("f:spec", {}):
            return cast(int, (deployment or {})["spec"]["replicas"])
    return None
