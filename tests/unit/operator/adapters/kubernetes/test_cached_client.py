"""Reads that come from memory, reads that do not, and writes that are remembered."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec

from orderpipeline_common.background import Background
from orderpipeline_operator.adapters.kubernetes.cached_client import CachedClient
from orderpipeline_operator.domain.kubernetes import kinds, names
from orderpipeline_operator.domain.kubernetes.kinds import Key, Kind, Manifest, Ref
from orderpipeline_operator.domain.kubernetes.names import children_selector, pipeline_of_selector
from orderpipeline_operator.tasks import end_with
from tests.support.waiting import settles

KEY = ("default", "shop")
CA = Ref(kinds.SECRET, "default", "shop-cluster-ca-cert")


def secret(version: int) -> Manifest:
    labels = {names.STRIMZI_CLUSTER_LABEL: "shop"}
    return {"metadata": {"namespace": "default", "name": CA.name, "resourceVersion": str(version), "labels": labels}}


class Cluster:
    """Has one Secret and nothing else; tells of its changes when told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.secret = secret(5)
        self.news: asyncio.Queue[Manifest] = asyncio.Queue()
        self.bookmarks: asyncio.Queue[str] = asyncio.Queue()
        """Versions that the watch of Services has come to."""
        self.answers = asyncio.Event()
        """Set: writes are answered at once."""
        self.answers.set()

    async def raw(self, what: str, path: str, query: Mapping[str, str], accept: str) -> bytes:
        items = [self.secret] if path.endswith("/secrets") else []
        assert ("PartialObjectMetadata" in accept) == bool(items), "of Secrets only the metadata are watched"
        return msgspec.json.encode({"metadata": {"resourceVersion": "10"}, "items": items})

    async def lines(self, what: str, path: str, query: Mapping[str, str], accept: str) -> AsyncGenerator[bytes]:
        yield b""
        while True:
            if path.endswith("/services"):
                meta = {"resourceVersion": await self.bookmarks.get()}
                yield msgspec.json.encode({"type": "BOOKMARK", "object": {"metadata": meta}})
            news = await self.news.get() if path.endswith("/secrets") else await asyncio.Event().wait()
            yield msgspec.json.encode({"type": "MODIFIED", "object": news})

    async def get(self, ref: Ref) -> Manifest:
        self.asked.append(str(ref))
        return {**self.secret, "data": {"version": self.secret["metadata"]["resourceVersion"]}}

    async def list(self, kind: Kind, namespace: str | None, label_selector: str = "") -> tuple[Manifest, ...]:
        self.asked.append(label_selector)
        return ()

    async def make(self, manifest: Manifest) -> Manifest:
        await self.answers.wait()
        return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": "20", "uid": "u"}}


@asynccontextmanager
async def standing(cluster: Cluster, told: list[Key]) -> AsyncIterator[CachedClient]:
    kube: Any = cluster
    cached = CachedClient(kube, (), told.append)
    async with AsyncExitStack() as stack:
        for task in cached.start(Background()):
            end_with(stack, task)
        await cached.wait_synced(5)
        yield cached


async def test_a_secret_is_read_once_until_a_newer_one_is_announced() -> None:
    cluster, told = Cluster(), list[Key]()
    async with standing(cluster, told) as cached:
        assert told == [KEY]
        assert [(await cached.get(CA))["data"]["version"] for _ in range(3)] == ["5"] * 3
        assert cluster.asked == [str(CA)]
        cluster.secret = secret(12)
        cluster.news.put_nowait(cluster.secret)
        async with asyncio.timeout(60):
            while told != [KEY, KEY]:
                await asyncio.sleep(0)
        assert [(await cached.get(CA))["data"]["version"] for _ in range(3)] == ["12"] * 3
        assert len(cluster.asked) == 2


async def test_a_secret_that_no_label_leads_to_is_read_each_time() -> None:
    cluster, other = Cluster(), Ref(kinds.SECRET, "default", "mine")
    async with standing(cluster, []) as cached:
        assert [(await cached.get(other))["data"]["version"] for _ in range(2)] == ["5"] * 2
        assert cluster.asked == [str(other)] * 2


async def test_what_is_made_is_there_at_once_and_pods_are_asked_for() -> None:
    cluster, told = Cluster(), list[Key]()
    labels = {names.PIPELINE_LABEL: "shop", names.MANAGED_BY_LABEL: names.FIELD_MANAGER}
    meta = {"namespace": "default", "name": "shop-producer", "labels": labels}
    async with standing(cluster, told) as cached:
        assert await cached.list(kinds.SERVICE, "default", children_selector("shop")) == ()
        await cached.make({"apiVersion": "v1", "kind": "Service", "metadata": meta})
        (found,) = await cached.list(kinds.SERVICE, "default", children_selector("shop"))
        assert found["metadata"]["uid"] == "u"
        assert (cluster.asked, told) == ([], [KEY])
        await cached.list(kinds.POD, "default", "a=b")
        assert cluster.asked == ["a=b"]


async def test_a_slow_answer_does_not_bring_back_what_may_be_deleted_since() -> None:
    """It says version 20; the watch has come to 25 before it arrives, and reports nothing of the object any more."""
    cluster, selector = Cluster(), children_selector("shop")
    labels = {names.PIPELINE_LABEL: "shop", names.MANAGED_BY_LABEL: names.FIELD_MANAGER}
    meta = {"namespace": "default", "name": "shop-producer", "labels": labels}
    async with standing(cluster, []) as cached:
        cluster.answers.clear()
        write = asyncio.ensure_future(cached.make({"apiVersion": "v1", "kind": "Service", "metadata": meta}))
        cluster.bookmarks.put_nowait("25")
        informer = next(one for (kind, _), one in cached._informers.items() if kind == kinds.SERVICE)
        await settles("the watch has passed it", lambda: not informer.behind("20"))
        cluster.answers.set()
        assert (await write)["metadata"]["resourceVersion"] == "20"
        assert await cached.list(kinds.SERVICE, "default", selector) == ()


async def test_a_secret_that_is_deleted_while_it_is_read_is_read_again() -> None:
    cluster, told = Cluster(), list[Key]()
    async with standing(cluster, told) as cached:
        cached._store.drop(kinds.SECRET, msgspec.json.encode(secret(6)))
        assert [(await cached.get(CA))["data"]["version"] for _ in range(2)] == ["5"] * 2
        assert len(cluster.asked) == 2, "nothing tells of its changes any more"


async def test_the_revision_changes_with_each_change_and_is_not_known_for_what_is_not_watched() -> None:
    cluster, told, other = Cluster(), list[Key](), ("default", "other")
    labels = {names.PIPELINE_LABEL: "shop", names.MANAGED_BY_LABEL: names.FIELD_MANAGER}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": "default", "name": "s", "labels": labels},
    }
    async with standing(cluster, told) as cached:
        seen = [cached.revision(KEY, [CA.name])]
        assert seen[0] is not None
        assert cached.revision(KEY, [CA.name]) == seen[0]
        assert cached.revision(KEY, [CA.name, "mine"]) is None, "nobody would tell that Secret's changes"
        assert cached.revision(other, [CA.name]) is None, "its changes are told of another pipeline"
        await cached.get(CA)
        seen.append(cached.revision(KEY, [CA.name]))
        await cached.make(service)
        seen.append(cached.revision(KEY, [CA.name]))
        cluster.news.put_nowait(secret(30))
        async with asyncio.timeout(60):
            while cached.revision(KEY, ()) == seen[-1]:
                await asyncio.sleep(0)
        seen.append(cached.revision(KEY, [CA.name]))
        assert len(set(seen)) == 4
        informer = next(one for (kind, _), one in cached._informers.items() if kind == kinds.HTTP_ROUTE)
        informer.kind_missing = True
        assert cached.revision(KEY, [CA.name]) not in (None, *seen)
        informer.kind_missing = informer.synced = False
        assert cached.revision(KEY, [CA.name]) is None
    assert CachedClient(cluster, (), told.append).revision(KEY, ()) is None  # type: ignore[arg-type]


def test_a_selector_of_one_pipelines_children_is_known_by_its_form() -> None:
    assert pipeline_of_selector(children_selector("shop")) == "shop"
    assert pipeline_of_selector(f"{names.PIPELINE_LABEL}=shop") is None
    assert pipeline_of_selector("") is None
