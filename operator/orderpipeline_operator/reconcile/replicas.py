"""Writing the consumers' replica count, apart from the manifests and under a field manager of its own."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import DEPLOYMENT, Manifest, Ref, ref_of
from orderpipeline_operator.domain.planning.observed import Observed, Scaling
from orderpipeline_operator.domain.planning.replica_steps import applied_replicas, replicas_to_set
from orderpipeline_operator.errors import Conflict, Forbidden, Invalid, NotFound
from orderpipeline_operator.reconcile.apply import ApplyResult
from orderpipeline_operator.reconcile.ports import Writer

LOG = logging.getLogger(__name__)
SCALE_MANAGER = f"{names.FIELD_MANAGER}-scaler"
"""Field manager of replica counts, apart from the one that applies manifests without them."""


async def set_replicas(write: Writer, observed: Observed, view: Scaling | None, *, direct: bool) -> ApplyResult:
    """Take the step that is the operator's own, if one is; see `replicas_to_set`."""
    desired = replicas_to_set(observed, view, direct=direct)
    ref = Ref(DEPLOYMENT, observed.namespace, names.consumer(observed.name))
    if desired is None or view is None:
        return ApplyResult(observed)
    deployment = observed.children[ref]
    try:
        await write.patch(ref, {"spec": {"replicas": desired}}, subresource="scale", manager=SCALE_MANAGER)
    except NotFound:
        return ApplyResult(observed)  # deleted meanwhile, perhaps with its whole namespace
    except (Invalid, Forbidden, Conflict) as error:
        return ApplyResult(observed, (str(error),))
    LOG.info("scaled %s from %s to %d: %s", ref, deployment["spec"].get("replicas"), desired, view.why)
    scaled = {**deployment, "spec": {**deployment["spec"], "replicas": desired}}
    return ApplyResult(replace(observed, children={**observed.children, ref: scaled}))


def no_consumers_wanted(observed: Observed, view: Scaling | None) -> bool:
    """Whether there are to be no consumers; as it is now while nothing is decided."""
    if view is not None and view.desired is not None:
        return view.desired == 0
    deployment = observed.deployment(names.consumer(observed.name))
    return deployment is not None and deployment["spec"].get("replicas") == 0


async def hand_over_replicas(write: Writer, observed: Observed, rendered: Sequence[Manifest]) -> None:
    """Before a number of consumers that was applied is applied no more: have another manager hold it first.

    Server-side apply takes back to its default, here 1, what one leaves out and nobody else holds. When somebody has
    moved the number since we looked, it is theirs already, and that is as good.
    """
    ref = Ref(DEPLOYMENT, observed.namespace, names.consumer(observed.name))
    held = applied_replicas(observed.children.get(ref))
    wanted = next((manifest for manifest in rendered if ref_of(manifest) == ref), None)
    if held is None or wanted is None or "replicas" in wanted["spec"]:
        return
    meta = {"name": ref.name, "namespace": ref.namespace, "uid": observed.children[ref]["metadata"]["uid"]}
    body = {"apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.kind, "metadata": meta}
    try:
        await write.apply({**body, "spec": {"replicas": held}}, force=False, manager=SCALE_MANAGER)
    except Conflict:
        LOG.info("the number of consumers of %s has been moved by somebody else meanwhile", ref)
