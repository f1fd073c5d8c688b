"""Looking: everything that one reconcile reads, through a port that a cache can stand behind."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.apiservice import APISERVICE, APISERVICE_NAME, detect_foreign
from orderpipeline_operator.domain.kubernetes.kinds import (
    CHILD_KINDS,
    PIPELINE,
    POD,
    SECRET,
    Key,
    Kind,
    Manifest,
    Ref,
    owned_by,
    ref_of,
)
from orderpipeline_operator.domain.kubernetes.names import selector_of
from orderpipeline_operator.domain.planning.observed import Observed
from orderpipeline_operator.errors import Forbidden, NotFound


class Reader(Protocol):
    """Reads of the Kubernetes API. Both raise NotFound for what does not exist, kinds included."""

    async def get(self, ref: Ref) -> Manifest: ...
    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]: ...


async def gather(read: Reader, key: Key) -> Observed | None:
    """The pipeline and what it owns; None when it is gone."""
    namespace, name = key
    try:
        cr = await read.get(Ref(PIPELINE, namespace, name))
    except NotFound:
        return None
    uid = cr["metadata"]["uid"]
    lists = await asyncio.gather(*(_list(read, kind, namespace, selector_of(name)) for kind in CHILD_KINDS))
    found = {ref_of(item): item for items in lists for item in items or ()}
    return Observed(
        cr=cr,
        children={ref: item for ref, item in found.items() if owned_by(item, uid)},
        strangers=frozenset(ref for ref, item in found.items() if not owned_by(item, uid)),
        absent_kinds=frozenset(kind for kind, items in zip(CHILD_KINDS, lists, strict=True) if items is None),
        pods=await _pods(read, namespace, name) if cr["metadata"].get("deletionTimestamp") else 0,
    )


async def with_taken(read: Reader, seen: Observed, taken: Iterable[Ref]) -> Observed:
    """Look up what no label led to and is there all the same: somebody else's, or ours with its labels edited."""
    refs = [ref for ref in taken if ref not in seen.children]
    found = await asyncio.gather(*(_get(read, ref) for ref in refs))
    there = {ref: item for ref, item in zip(refs, found, strict=True) if item is not None}
    ours = {ref: item for ref, item in there.items() if owned_by(item, seen.uid)}
    strangers = seen.strangers.difference(ours) | frozenset(there.keys() - ours.keys())
    return replace(seen, children={**seen.children, **ours}, strangers=strangers)


async def with_secrets(read: Reader, seen: Observed, wanted: Iterable[str]) -> Observed:
    """Read Secrets of the pipeline's namespace by name."""
    refs = [Ref(SECRET, seen.namespace, name) for name in sorted(set(wanted))]
    found = await asyncio.gather(*(_get(read, ref) for ref in refs))
    return replace(seen, secrets={ref.name: item for ref, item in zip(refs, found, strict=True)})


async def metrics_trouble(read: Reader, expected: tuple[str, str]) -> tuple[str, str] | None:
    """Reason and message when external metrics do not come from the expected Service (namespace, name).

    None when they do, and when we may not look: what is unknown is no trouble.
    """
    try:
        found = await _get(read, Ref(APISERVICE, "", APISERVICE_NAME))
    except Forbidden:
        return None
    message = detect_foreign(found, expected)
    if message is None:
        return None
    return "NoMetricsAPI" if found is None else "ForeignMetricsAPI", message


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


async def _pods(read: Reader, namespace: str, name: str) -> int:
    """Pods of the services; the labels of Strimzi's pods differ in app.kubernetes.io/name."""
    labels = {key: value for key, value in names.selector(name, "").items() if key != names.COMPONENT_LABEL}
    return len(await read.list(POD, namespace, names.selecting(labels)))
