"""Writes the status of a pipeline when it changed in a way that matters, and publishes the changes as events."""

import logging
from datetime import datetime

from orderpipeline_operator.domain.kubernetes.kinds import PIPELINE, Manifest
from orderpipeline_operator.domain.planning.observed import Observed, conditions
from orderpipeline_operator.domain.status.build import worth_writing
from orderpipeline_operator.domain.status.events import Event, condition_events, scaling_events
from orderpipeline_operator.errors import ApiError, NotFound
from orderpipeline_operator.reconcile.ports import Writer

LOG = logging.getLogger(__name__)


async def write_status(write: Writer, observed: Observed, new: Manifest, identity: str, now: datetime) -> bool:
    """Write the status if it changed in a way that matters, and publish the changes as events."""
    old = observed.cr.get("status")
    if not worth_writing(old, new):
        return False
    meta = {"name": observed.name, "namespace": observed.namespace, "uid": observed.uid}
    manifest = {"apiVersion": PIPELINE.api_version, "kind": PIPELINE.kind, "metadata": meta, "status": new}
    try:
        await write.apply_status(manifest)
    except NotFound:
        return False  # deleted in the meantime
    for event in (*condition_events(conditions(observed.cr), new["conditions"]), *scaling_events(old, new)):
        await publish(write, observed, event, identity, now)
    return True


async def publish(write: Writer, observed: Observed, event: Event, identity: str, now: datetime) -> None:
    """Events are best effort: one that cannot be written is logged and forgotten."""
    manifest = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": observed.namespace, "generateName": f"{observed.name[:200]}-"},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": f"{PIPELINE.group}/operator",
        "reportingInstance": identity[:128],
        "action": "Reconcile",
        "type": event.type,
        "reason": event.reason,
        "note": event.note[:1000],
        "regarding": {
            "apiVersion": PIPELINE.api_version,
            "kind": PIPELINE.kind,
            "namespace": observed.namespace,
            "name": observed.name,
            "uid": observed.uid,
            "resourceVersion": observed.cr["metadata"]["resourceVersion"],
        },
    }
    try:
        await write.create(manifest)
    except ApiError as error:
        LOG.warning("event %s of %s/%s not written: %s", event.reason, observed.namespace, observed.name, error)
