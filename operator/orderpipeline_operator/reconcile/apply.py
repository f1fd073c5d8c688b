"""Writing: everything that one reconcile changes, each write small, repeatable and safe against a newer state."""

import logging
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import AUTOSCALER_KINDS, PIPELINE, Manifest, Ref, ref_of
from orderpipeline_operator.domain.planning.drift import differs, fingerprint
from orderpipeline_operator.domain.planning.observed import Observed, conditions
from orderpipeline_operator.domain.planning.plan import Plan, leaves_data
from orderpipeline_operator.domain.planning.teardown import FINALIZER, TOPIC_FINALIZER, Teardown
from orderpipeline_operator.domain.status import build
from orderpipeline_operator.errors import ApiError, Conflict, Forbidden, Invalid, NotFound

LOG = logging.getLogger(__name__)
UNMANAGED = "strimzi.io/managed"
REPAIR_MANAGER = f"{names.FIELD_MANAGER}-repair"


class Writer(Protocol):
    """Writes to the Kubernetes API; see adapters/kube.py."""

    async def create(self, manifest: Manifest) -> Manifest: ...
    async def make(self, manifest: Manifest) -> Manifest: ...
    async def apply(
        self, manifest: Manifest, *, force: bool = True, manager: str = names.FIELD_MANAGER
    ) -> Manifest: ...
    async def apply_status(self, manifest: Manifest) -> Manifest: ...
    async def patch(
        self, ref: Ref, body: Mapping[str, Any], *, subresource: str = "", manager: str = names.FIELD_MANAGER
    ) -> Manifest: ...
    async def delete(self, ref: Ref, *, uid: str, propagation: str = "Background") -> None: ...


@dataclass(frozen=True)
class Done:
    """What became of a plan."""

    seen: Observed
    """With what was written, as the API server returned it."""
    failures: tuple[str, ...] = ()
    """Refusals that trying again at once would not change."""
    taken: frozenset[Ref] = frozenset()
    """What was not made, since there is something of that name already that we had not seen."""


async def carry_out(write: Writer, planned: Plan, seen: Observed, stubborn: MutableMapping[Ref, str]) -> Done:
    """Write a plan. One refused object does not keep the others from being written; an unreachable server raises.

    `stubborn` remembers this pipeline's objects that an admission webhook changes back, so that they are not fought
    over for ever.
    """
    children = dict(seen.children)
    failures: list[str] = []
    taken: set[Ref] = set()
    for settled in stubborn.keys() - set(map(ref_of, planned.apply)):
        del stubborn[settled]
    # One autoscaler goes before another comes: two at a time would undo each other, and KEDA refuses to be the second.
    failures += await _prune(write, children, [ref for ref in planned.prune if ref.kind in AUTOSCALER_KINDS])
    for manifest in planned.apply:
        ref = ref_of(manifest)
        live = seen.children.get(ref)
        if live is not None and stubborn.get(ref) == _state(manifest, live):
            continue
        try:
            children[ref] = await _apply(write, ref, manifest, live)
            LOG.info("applied %s", ref)
            if differs(manifest, children[ref]):
                LOG.warning("%s does not stay as applied: something in this cluster changes it", ref)
                stubborn[ref] = _state(manifest, children[ref])
        except (Invalid, Forbidden, Conflict, NotFound) as error:
            if live is None and isinstance(error, Conflict):
                taken.add(ref)
            else:
                failures.append(str(error))
    failures += await _prune(write, children, [ref for ref in planned.prune if ref.kind not in AUTOSCALER_KINDS])
    return Done(replace(seen, children=children), tuple(failures), frozenset(taken))


async def _prune(write: Writer, children: dict[Ref, Manifest], refs: Iterable[Ref]) -> list[str]:
    """Delete objects, and take them out of `children`. Gives the refusals."""
    failures: list[str] = []
    for ref in refs:
        if children[ref]["metadata"].get("deletionTimestamp"):
            continue
        try:
            await _delete(write, ref, children[ref])
        except (Forbidden, Conflict) as error:
            failures.append(str(error))
        else:
            del children[ref]
    return failures


async def _apply(write: Writer, ref: Ref, manifest: Manifest, live: Manifest | None) -> Manifest:
    """Apply, and where that cannot undo what somebody else did, replace their lists by ours.

    Server-side apply merges lists by key, so that an edited entry of a list stays next to the one that is applied.
    """
    if live is None:
        return await write.make(manifest)
    try:
        applied = await write.apply(manifest)
        if not differs(manifest, applied):
            return applied
    except Invalid:
        LOG.info("%s cannot be merged with what is there and is replaced", ref)
    await write.patch(ref, manifest, manager=REPAIR_MANAGER)
    return await write.apply(manifest)


def _state(manifest: Manifest, live: Manifest) -> str:
    meta = live["metadata"]
    kept = {key: meta.get(key) for key in ("labels", "annotations", "ownerReferences")}
    rest = {key: value for key, value in live.items() if key not in ("metadata", "status")}
    return fingerprint({"want": manifest, "meta": kept, "have": rest})


async def tear_down(write: Writer, seen: Observed, step: Teardown) -> tuple[str, ...]:
    """Carry out one step of a teardown. Gives the refusals; one object's keeps no other from going."""
    failures: list[str] = []
    for ref in step.delete:
        try:
            await _delete(write, ref, seen.children[ref])
        except (Forbidden, Conflict) as error:
            failures.append(str(error))
    for ref in step.release:
        try:
            await remove_finalizer(write, ref, seen.children[ref], TOPIC_FINALIZER)
            LOG.warning("released %s, whose topic operator is gone", ref)
        except (Forbidden, Conflict) as error:
            failures.append(str(error))
    return tuple(failures)


async def _delete(write: Writer, ref: Ref, manifest: Manifest) -> None:
    """Delete an object. A KafkaTopic goes without its records: those go with the volumes, as deleteClaim says."""
    if leaves_data(ref):
        try:
            await write.patch(ref, {"metadata": {"annotations": {UNMANAGED: "false"}}})
        except NotFound:
            return
    await write.delete(ref, uid=manifest["metadata"]["uid"])
    LOG.info("deleted %s", ref)


async def add_finalizer(write: Writer, seen: Observed) -> Manifest:
    """Have the pipeline's deletion wait for us. Gives the pipeline as it is then."""
    meta = seen.cr["metadata"]
    body = {
        "metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": [*meta.get("finalizers", ()), FINALIZER]}
    }
    return await write.patch(Ref(PIPELINE, seen.namespace, seen.name), body)


async def remove_finalizer(write: Writer, ref: Ref, manifest: Manifest, finalizer: str) -> None:
    """Remove one finalizer; it and the object may be gone already."""
    meta = manifest["metadata"]
    if finalizer not in meta.get("finalizers", ()):
        return
    left = [entry for entry in meta["finalizers"] if entry != finalizer]
    try:
        await write.patch(ref, {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": left}})
    except NotFound:
        return


async def write_status(write: Writer, seen: Observed, new: Manifest, identity: str, now: datetime) -> bool:
    """Write the status when it changed in a way that matters, and tell its transitions as events."""
    old = seen.cr.get("status")
    if not build.worth_writing(old, new):
        return False
    meta = {"name": seen.name, "namespace": seen.namespace, "uid": seen.uid}
    manifest = {"apiVersion": PIPELINE.api_version, "kind": PIPELINE.kind, "metadata": meta, "status": new}
    try:
        await write.apply_status(manifest)
    except NotFound:
        return False  # deleted meanwhile
    for fact in (*build.transitions(conditions(seen.cr), new["conditions"]), *build.decided(old, new)):
        await _publish(write, seen, fact, identity, now)
    return True


async def _publish(write: Writer, seen: Observed, fact: build.EventFact, identity: str, now: datetime) -> None:
    """Events are a courtesy: one that cannot be written is logged and forgotten."""
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": seen.namespace, "generateName": f"{seen.name[:200]}-"},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": f"{PIPELINE.group}/operator",
        "reportingInstance": identity[:128],
        "action": "Reconcile",
        "type": fact.type,
        "reason": fact.reason,
        "note": fact.note[:1000],
        "regarding": {
            "apiVersion": PIPELINE.api_version,
            "kind": PIPELINE.kind,
            "namespace": seen.namespace,
            "name": seen.name,
            "uid": seen.uid,
            "resourceVersion": seen.cr["metadata"]["resourceVersion"],
        },
    }
    try:
        await write.create(event)
    except ApiError as error:
        LOG.warning("event %s of %s/%s not written: %s", fact.reason, seen.namespace, seen.name, error)
