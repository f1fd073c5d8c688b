"""Reads what one pass needs, through a port that a cache can stand behind."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import (
    CHILD_KINDS,
    KAFKA,
    PIPELINE,
    POD,
    POD_SET,
    SECRET,
    Key,
    Kind,
    Manifest,
    Ref,
    owned_by,
    ref_of,
)
from orderpipeline_operator.domain.kubernetes.names import children_selector, strimzi_selector
from orderpipeline_operator.domain.planning.observed import Observed, condition
from orderpipeline_operator.errors import NotFound
from orderpipeline_operator.reconcile.ports import Reader


async def find_pipeline(read: Reader, key: Key) -> Manifest | None:
    """The pipeline; None when it is gone."""
    return await _get(read, Ref(PIPELINE, *key))


async def observe(read: Reader, cr: Manifest) -> Observed:
    """What a pipeline owns."""
    namespace, name, uid = (cr["metadata"][part] for part in ("namespace", "name", "uid"))
    lists = await asyncio.gather(*(_list(read, kind, namespace, children_selector(name)) for kind in CHILD_KINDS))
    found = {ref_of(item): item for items in lists for item in items or ()}
    children = {ref: item for ref, item in found.items() if owned_by(item, uid)}
    strimzi = Ref(KAFKA, namespace, names.kafka(name)) in children
    pod_sets = await _list(read, POD_SET, namespace, strimzi_selector(name)) if strimzi else ()
    return Observed(
        cr=cr,
        children=children,
        pod_sets=pod_sets or (),
        foreign_objects=frozenset(ref for ref, item in found.items() if not owned_by(item, uid)),
        missing_kinds=frozenset(kind for kind, items in zip(CHILD_KINDS, lists, strict=True) if items is None),
        pods=await _pods(read, namespace, name) if cr["metadata"].get("deletionTimestamp") else 0,
        mirror_pods=await _mirror_pods(read, cr),
    )


async def with_names_in_use(read: Reader, observed: Observed, refs: Iterable[Ref]) -> Observed:
    """Look up objects that no label leads to: somebody else's, or ours with edited labels."""
    unknown = [ref for ref in refs if ref not in observed.children]
    found = await asyncio.gather(*(_get(read, ref) for ref in unknown))
    there = {ref: item for ref, item in zip(unknown, found, strict=True) if item is not None}
    ours = {ref: item for ref, item in there.items() if owned_by(item, observed.uid)}
    foreign_objects = observed.foreign_objects.difference(ours) | frozenset(there.keys() - ours.keys())
    return replace(observed, children={**observed.children, **ours}, foreign_objects=foreign_objects)


async def with_secrets(read: Reader, observed: Observed, wanted: Iterable[str]) -> Observed:
    """Read Secrets of the pipeline's namespace by name."""
    refs = [Ref(SECRET, observed.namespace, name) for name in sorted(set(wanted))]
    found = await asyncio.gather(*(_get(read, ref) for ref in refs))
    return replace(observed, secrets={ref.name: item for ref, item in zip(refs, found, strict=True)})


async def _list(read: Reader, kind: Kind, namespace: str, selector: str) -> tuple[Manifest, ...] | None:
    try:
        return await read.list(kind, namespace, selector)
    except NotFound:
        return None  # its CRD is not installed


async def _get(read: Reader, ref: Ref) -> Manifest | None:
    try:
        return await read.get(ref)
    except NotFound:
        return None


async def _mirror_pods(read: Reader, cr: Manifest) -> tuple[str, ...]:
    """The mirror's pods where its end is awaited: at a pipeline that is active now and may have been a standby."""
    role = ((cr.get("spec") or {}).get("disasterRecovery") or {}).get("role")
    if role == "standby" or (role is None and condition(cr, "DisasterRecoveryReady") is None):
        return ()
    found = await read.list(POD, cr["metadata"]["namespace"], names.mirror_pods_selector(cr["metadata"]["name"]))
    return tuple(sorted(pod["metadata"]["name"] for pod in found))


async def _pods(read: Reader, namespace: str, name: str) -> int:
    """Pods of the services; the labels of Strimzi's pods differ in app.kubernetes.io/name."""
    labels = {key: value for key, value in names.selector_labels(name, "").items() if key != names.COMPONENT_LABEL}
    return len(await read.list(POD, namespace, names.label_selector(labels)))
