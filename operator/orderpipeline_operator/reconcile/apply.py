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
    """Refusals that trying again at once would not change."""
    names_in_use: frozenset[Ref] = frozenset()
    """What was not made, since there is something of that name already that we had not seen."""


async def apply_plan(
    write: Writer, planned: Plan, observed: Observed, contested: MutableMapping[Ref, str]
) -> ApplyResult:
    """Write a plan. One refused object does not keep the others from being written; an unreachable server raises.

    `contested` remembers this pipeline's objects that an admission webhook changes back, so that they are not fought
    over for ever.
    """
    children = dict(observed.children)
    failures: list[str] = []
    names_in_use: set[Ref] = set()
    for settled in contested.keys() - set(map(ref_of, planned.apply)):
        del contested[settled]
    # One autoscaler goes before another comes: two at a time would undo each other, and KEDA refuses to be the second.
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
                LOG.warning("%s does not stay as applied: something in this cluster changes it", ref)
                contested[ref] = _state(manifest, children[ref])
        except (Invalid, Forbidden, Conflict, NotFound) as error:
            if live is None and isinstance(error, Conflict):
                names_in_use.add(ref)
            else:
                failures.append(str(error))
    failures += await _prune(write, children, [ref for ref in planned.prune if ref.kind not in AUTOSCALER_KINDS])
    return ApplyResult(replace(observed, children=children), tuple(failures), frozenset(names_in_use))


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


async def tear_down(write: Writer, observed: Observed, step: Teardown) -> tuple[str, ...]:
    """Carry out one step of a teardown. Gives the refusals; one object's keeps no other from going."""
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
    """Delete an object. A KafkaTopic goes without its records: those go with the volumes, as deleteClaim says."""
    if leaves_data(ref):
        try:
            await write.patch(ref, {"metadata": {"annotations": {UNMANAGED: "false"}}})
        except NotFound:
            return
    await write.delete(ref, uid=manifest["metadata"]["uid"])
    LOG.info("deleted %s", ref)


async def add_finalizer(write: Writer, observed: Observed) -> Manifest:
    """Have the pipeline's deletion wait for us. Gives the pipeline as it is then."""
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
