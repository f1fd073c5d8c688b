"""Writes the consumers' replica count, apart from the manifests and under its own field manager."""

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
"""Field manager of replica counts, separate from the one that applies manifests without them."""


async def set_replicas(write: Writer, observed: Observed, view: Scaling | None, *, direct: bool) -> ApplyResult:
    """Set the replica count where that is up to the operator; see `replicas_to_set`."""
    desired = replicas_to_set(observed, view, direct=direct)
    ref = Ref(DEPLOYMENT, observed.namespace, names.consumer(observed.name))
    if desired is None or view is None:
        return ApplyResult(observed)
    deployment = observed.children[ref]
    try:
        await write.patch(ref, {"spec": {"replicas": desired}}, subresource="scale", manager=SCALE_MANAGER)
    except NotFound:
        return ApplyResult(observed)  # deleted in the meantime, perhaps with its whole namespace
    except (Invalid, Forbidden, Conflict) as error:
        return ApplyResult(observed, (str(error),))
    LOG.info("scaled %s from %s to %d: %s", ref, deployment["spec"].get("replicas"), desired, view.why)
    scaled = {**deployment, "spec": {**deployment["spec"], "replicas": desired}}
    return ApplyResult(replace(observed, children={**observed.children, ref: scaled}))


def no_consumers_wanted(observed: Observed, view: Scaling | None) -> bool:
    """Whether there should be no consumers; while nothing is decided, whether there are none."""
    if view is not None and view.desired is not None:
        return view.desired == 0
    deployment = observed.deployment(names.consumer(observed.name))
    return deployment is not None and deployment["spec"].get("replicas") == 0


async def hand_over_replicas(write: Writer, observed: Observed, rendered: Sequence[Manifest]) -> None:
    """Hand the applied number of consumers over to another field manager before it is no longer applied.

    Server-side apply resets a field that is left out, and that nobody else manages, to its default, here 1. If somebody
    has changed the number since it was observed, they already manage it, which is just as good.
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
        LOG.info("somebody else has changed the number of consumers of %s in the meantime", ref)
