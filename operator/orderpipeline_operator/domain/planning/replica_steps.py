"""The consumers' replica count: which steps of it are the operator's own, and who is on record as having set it."""

from typing import cast

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import AUTOSCALER_KINDS, Manifest
from orderpipeline_operator.domain.planning.observed import Observed, Scaling


def replicas_to_set(observed: Observed, view: Scaling | None, *, direct: bool) -> int | None:
    """The replica count that is the operator's to write now; None when nothing is.

    An HPA of ours neither leaves nor reaches 0, so those two steps are the operator's. With `direct` all steps are, as
    soon as nothing else scales, and none while the lag is not known. A ScaledObject takes all of them itself.
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
    """The live replica count while our own apply is on record for it; None once somebody else has moved it."""
    for entry in (deployment or {}).get("metadata", {}).get("managedFields") or ():
        ours = entry.get("manager") == names.FIELD_MANAGER and entry.get("operation") == "Apply"
        if ours and not entry.get("subresource") and "f:replicas" in (entry.get("fieldsV1") or {}).get("f:spec", {}):
            return cast(int, (deployment or {})["spec"]["replicas"])
    return None
