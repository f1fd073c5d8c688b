"""Writes the children of a pipeline: each write is small, repeatable, and safe against a newer state."""

import logging
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, replace

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import AUTOSCALER_KINDS, PIPELINE, Manifest, Ref, ref_of
from orderpipeline_operator.domain.planning.drift import differs, fingerprint
from orderpipeline_operator.domain.planning.observed import Observed
from orderpipeline_operator.domain.planning.plan import Plan, leaves_data
from orderpipeline_operator.domain.planning.teardown import FINALIZER, TOPIC_FINALIZER, Teardown
from orderpipeline_operator.errors import Conflict, Forbidden, Invalid, NotFound
from orderpipeline_operator.reconcile.ports import Writer

LOG = logging.getLogger(__name__)
UNMANAGED = "strimzi.io/managed"
REPAIR_MANAGER = f"{names.FIELD_MANAGER}-repair"


@dataclass(frozen=True)
class ApplyResult:
    """What became of a plan."""

    observed: Observed
    """With what was written, as the API server returned it."""
    failures: tuple[str, ...] = ()
    """Refusals that an immediate retry would not change."""
    names_in_use: frozenset[Ref] = frozenset()
    """What was not created because an object of that name exists that was not observed."""


async def apply_plan(
    write: Writer, planned: Plan, observed: Observed, contested: MutableMapping[Ref, str]
) -> ApplyResult:
    """Write a plan. One refused object does not stop the others; an unreachable server raises.

    `contested` remembers objects that an admission webhook changes back, so that they are not fought over forever.
    """
    children = dict(observed.children)
    failures: list[str] = []
    names_in_use: set[Ref] = set()
    for settled in contested.keys() - set(map(ref_of, planned.apply)):
        del contested[settled]
    # The old autoscaler goes before a new one is created: two would undo each other, and KEDA refuses the second.
    failures += await _prune(write, children, [ref for ref in planned.prune if ref.kind in AUTOSCALER_KINDS])
    for manifest in planned.apply:
        ref = ref_of(manifest)
        live = observed.children.get(ref)
        if live is not None and contested.get(ref) == _state(manifest, live):
            continue
        try:
            children[ref] = await _apply(write, ref, manifest, live)
            LOG.info("applied %s", ref)
            if differs(manifest, children[ref]):
                LOG.warning("%s does not stay as applied: something else in this cluster changes it", ref)
                contested[ref] = _state(manifest, children[ref])
        except (Invalid, Forbidden, Conflict, NotFound) as error:
            if live is None and isinstance(error, Conflict):
                names_in_use.add(ref)
            else:
                failures.append(str(error))
    failures += await _prune(write, children, [ref for ref in planned.prune if ref.kind not in AUTOSCALER_KINDS])
    return ApplyResult(replace(observed, children=children), tuple(failures), frozenset(names_in_use))


async def _prune(write: Writer, children: dict[Ref, Manifest], refs: Iterable[Ref]) -> list[str]:
    """Delete objects and remove them from `children`. Returns the refusals."""
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
    """Apply, and where that cannot undo somebody else's change, replace their lists with ours.

    Server-side apply merges lists by key, so an edited entry of a list stays next to the applied one.
    """
    if live is None:
        return await write.make(manifest)
    refused: Invalid | None = None
    try:
        applied = await write.apply(manifest)
        if not differs(manifest, applied):
            return applied
    except Invalid as error:
        refused = error
        LOG.info("%s cannot be merged with the live object; replacing it", ref)
    try:
        await write.patch(ref, manifest, manager=REPAIR_MANAGER)
    except Invalid as error:
        raise refused or error from None  # the object itself is wrong, and the first answer says where
    return await write.apply(manifest)


def _state(manifest: Manifest, live: Manifest) -> str:
    meta = live["metadata"]
    kept = {key: meta.get(key) for key in ("labels", "annotations", "ownerReferences")}
    rest = {key: value for key, value in live.items() if key not in ("metadata", "status")}
    return fingerprint({"want": manifest, "meta": kept, "have": rest})


async def tear_down(write: Writer, observed: Observed, step: Teardown) -> tuple[str, ...]:
    """Carry out one step of a teardown. Returns the refusals; one does not stop the others."""
    failures: list[str] = []
    for ref in step.delete:
        try:
            await _delete(write, ref, observed.children[ref])
        except (Forbidden, Conflict) as error:
            failures.append(str(error))
    for ref in step.release:
        try:
            await remove_finalizer(write, ref, observed.children[ref], TOPIC_FINALIZER)
            LOG.warning("released %s, whose topic operator is gone", ref)
        except (Forbidden, Conflict) as error:
            failures.append(str(error))
    return tuple(failures)


async def _delete(write: Writer, ref: Ref, manifest: Manifest) -> None:
    """Delete an object. A KafkaTopic leaves its records behind: those go with the volumes, as deleteClaim says."""
    if leaves_data(ref):
        try:
            await write.patch(ref, {"metadata": {"annotations": {UNMANAGED: "false"}}})
        except NotFound:
            return
    await write.delete(ref, uid=manifest["metadata"]["uid"])
    LOG.info("deleted %s", ref)


async def add_finalizer(write: Writer, observed: Observed) -> Manifest:
    """Make the pipeline's deletion wait for the operator. Returns the pipeline as it is then."""
    meta = observed.cr["metadata"]
    body = {
        "metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": [*meta.get("finalizers", ()), FINALIZER]}
    }
    return await write.patch(Ref(PIPELINE, observed.namespace, observed.name), body)


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
