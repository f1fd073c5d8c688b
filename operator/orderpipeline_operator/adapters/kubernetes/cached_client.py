"""The Kubernetes API with a cache: what the watches keep is read from memory, the rest from the API server."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orderpipeline_common.activities import OperatorActivity
from orderpipeline_common.background import Background
from orderpipeline_operator.adapters.kubernetes.client import KubernetesClient
from orderpipeline_operator.adapters.kubernetes.informer import Informer
from orderpipeline_operator.adapters.kubernetes.store import Store
from orderpipeline_operator.adapters.kubernetes.watch import ListWatch
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.kubernetes.kinds import (
    CHILD_KINDS,
    POD_SET,
    SECRET,
    Key,
    Kind,
    Manifest,
    Ref,
    kind_of,
)
from orderpipeline_operator.domain.kubernetes.names import CHILDREN_SELECTOR, pipeline_of_selector
from orderpipeline_operator.errors import NotFound

Revision = tuple[int, tuple[bool, ...]] | None
"""Number of a pipeline's last change, and which kinds the cluster does not know."""


class CachedClient:
    """Reads and writes for the reconciler. A kind without an established watch is read from the API server."""

    def __init__(self, kube: KubernetesClient, namespaces: Iterable[str], changed: Callable[[Key], None]) -> None:
        """`namespaces` empty: all. `changed` is called with each pipeline whose objects somebody else changed."""
        self._kube, self._store = kube, Store(changed)
        self._informers: dict[tuple[Kind, str | None], Informer] = {}
        for namespace in tuple(namespaces) or (None,):
            wanted = [ListWatch(kind, namespace, CHILDREN_SELECTOR) for kind in CHILD_KINDS]
            # Strimzi keeps a dozen Secrets per Kafka; only those that are needed are read in full.
            wanted.append(ListWatch(SECRET, namespace, names.STRIMZI_CLUSTER_LABEL, partial=True))
            wanted.append(ListWatch(POD_SET, namespace, names.STRIMZI_CLUSTER_LABEL))
            for each in wanted:
                self._informers[each.kind, namespace] = Informer(kube, self._store, each)

    def start(self, background: Background) -> list["asyncio.Task[None]"]:
        """Start the watches: a task for each, to be cancelled."""
        return [_started(background, informer) for informer in self._informers.values()]

    async def wait_synced(self, seconds: float) -> None:
        """Wait until all watches are established, at most that long: starting is cheaper then, and correct anyway."""
        _, pending = await asyncio.wait(
            [asyncio.ensure_future(i.wait_synced()) for i in self._informers.values()], timeout=seconds
        )
        for each in pending:
            each.cancel()

    async def get(self, ref: Ref) -> Manifest:
        """One object; a Secret from memory unless a newer one was announced."""
        if ref.kind != SECRET or not self._synced(ref.kind, ref.namespace):
            return await self._kube.get(ref)
        found = self._store.get(ref)
        if found is None:
            found = await self._kube.get(ref)
            if self._store.has(ref):
                self._store.remember(ref.kind, found)
        return found

    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]:
        """Objects by label; those of one pipeline from memory. Raises NotFound for a kind that is not installed."""
        name = pipeline_of_selector(label_selector)
        informer = self._informer(kind, namespace)
        if informer is None or name is None or namespace is None:
            return await self._kube.list(kind, namespace, label_selector)
        if informer.kind_missing:
            raise NotFound(f"list {kind.plural}", 404, "NotFound", "the cluster does not know the kind")
        if not informer.synced:
            return await self._kube.list(kind, namespace, label_selector)
        return self._store.of((namespace, name), kind)

    def revision(self, key: Key, secrets: Iterable[str]) -> Revision:
        """Equal for as long as `list` and `get` return the same of a pipeline's objects and of these Secrets.

        None if that is not known, since one of them is not watched at the moment.
        """
        namespace = key[0]
        informers = [self._informer(kind, namespace) for kind in (*CHILD_KINDS, POD_SET, SECRET)]
        watched = all(one is not None and (one.synced or one.kind_missing) for one in informers)
        if not watched or any(self._store.owner(Ref(SECRET, namespace, name)) != key for name in secrets):
            return None
        return self._store.revision(key), tuple(one is not None and one.kind_missing for one in informers)

    async def create(self, manifest: Manifest) -> Manifest:
        """See KubernetesClient."""
        return await self._kube.create(manifest)

    async def make(self, manifest: Manifest) -> Manifest:
        """See KubernetesClient; the answer is cached before the watch reports it."""
        return self._kept(await self._kube.make(manifest))

    async def apply(self, manifest: Manifest, *, force: bool = True, manager: str = names.FIELD_MANAGER) -> Manifest:
        """See KubernetesClient; the answer is cached before the watch reports it."""
        return self._kept(await self._kube.apply(manifest, force=force, manager=manager))

    async def apply_status(self, manifest: Manifest) -> Manifest:
        """See KubernetesClient."""
        return await self._kube.apply_status(manifest)

    async def patch(
        self, ref: Ref, body: Mapping[str, Any], *, subresource: str = "", manager: str = names.FIELD_MANAGER
    ) -> Manifest:
        """See KubernetesClient."""
        return await self._kube.patch(ref, body, subresource=subresource, manager=manager)

    async def delete(self, ref: Ref, *, uid: str, propagation: str = "Background") -> None:
        """See KubernetesClient."""
        await self._kube.delete(ref, uid=uid, propagation=propagation)

    def _kept(self, manifest: Manifest) -> Manifest:
        kind = kind_of(manifest)
        informer = self._informer(kind, manifest["metadata"]["namespace"])
        # An object that the watch has already passed may have been deleted since.
        if informer is not None and informer.synced and informer.behind(manifest["metadata"]["resourceVersion"]):
            self._store.remember(kind, manifest)
        return manifest

    def _synced(self, kind: Kind, namespace: str) -> bool:
        informer = self._informer(kind, namespace)
        return informer is not None and informer.synced

    def _informer(self, kind: Kind, namespace: str | None) -> Informer | None:
        return self._informers.get((kind, None)) or self._informers.get((kind, namespace))


def _started(background: Background, informer: Informer) -> "asyncio.Task[None]":
    return background.task(OperatorActivity.CHILD_WATCH, lambda activity: informer.run(activity.turn), informer.name)
