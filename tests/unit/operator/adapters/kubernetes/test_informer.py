"""Lists and watches that end, break and grow too old, told by an API server that follows a script."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from orderpipeline_common.background import Background
from orderpipeline_operator.adapters.kubernetes.cached_client import CachedClient
from orderpipeline_operator.adapters.kubernetes.informer import Informer
from orderpipeline_operator.adapters.kubernetes.store import Store
from orderpipeline_operator.adapters.kubernetes.watch import ListWatch
from orderpipeline_operator.domain.kubernetes import kinds
from orderpipeline_operator.domain.kubernetes.kinds import Key
from orderpipeline_operator.domain.kubernetes.names import children_selector
from orderpipeline_operator.errors import ApiError, Forbidden, NotFound, Unreachable, from_status

KEY = ("default", "shop")
ALL = ListWatch(kinds.SERVICE, None, "label")


def item(version: int, name: str = "a") -> dict[str, Any]:
    labels = {"orderpipeline.dev/pipeline": "shop"}
    return {"metadata": {"namespace": "default", "name": name, "resourceVersion": str(version), "labels": labels}}


def page(version: int, *items: dict[str, Any], more: str = "") -> bytes:
    return msgspec.json.encode({"metadata": {"resourceVersion": str(version), "continue": more}, "items": list(items)})


def line(kind: str, body: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"type": kind, "object": body})


class Server:
    """Gives the next answer of each script; when a script is over, it is silent for ever."""

    def __init__(self, lists: list[bytes | ApiError], watches: list[list[bytes | ApiError]]) -> None:
        self.lists, self.watches = lists, watches
        self.versions: list[str] = []
        self.idle = asyncio.Event()

    async def raw(self, what: str, path: str, query: Mapping[str, str], accept: str) -> bytes:
        answer = self.lists.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return answer

    async def lines(self, what: str, path: str, query: Mapping[str, str], accept: str) -> AsyncGenerator[bytes]:
        self.versions.append(query["resourceVersion"])
        yield b""
        if not self.watches:
            self.idle.set()
            await asyncio.Event().wait()
        for answer in self.watches.pop(0):
            if isinstance(answer, ApiError):
                raise answer
            yield answer


class Run:
    """One informer on such a server, until the server has nothing more to say."""

    def __init__(self, lists: list[bytes | ApiError], *watches: list[bytes | ApiError]) -> None:
        self.server, self.told, self.slept = Server(lists, list(watches)), list[Key](), list[float]()
        self.store = Store(self.told.append)
        kube: Any = self.server
        self.informer = Informer(kube, self.store, ALL, sleep=self._sleep, jitter=lambda: 0.0)

    async def __call__(self) -> list[str]:
        task = asyncio.ensure_future(self.informer.run())
        await asyncio.wait_for(self.server.idle.wait(), 60)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return sorted(each["metadata"]["name"] for each in self.store.of(KEY, kinds.SERVICE))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_a_list_of_many_pages_is_followed_by_a_watch_from_there() -> None:
    made = line("ADDED", item(12, "c")), line("BOOKMARK", {"metadata": {"resourceVersion": "20"}})
    run = Run([page(10, item(1), more="x"), page(10, item(2, "b"))], [*made, line("DELETED", item(21))])
    assert await run() == ["b", "c"]
    assert run.server.versions == ["10", "21"]
    assert run.informer.synced
    assert run.slept == []
    assert run.informer.behind("22")
    assert not run.informer.behind("21")


@pytest.mark.parametrize("as_line", [True, False])
async def test_a_version_that_is_too_old_is_listed_anew(as_line: bool) -> None:
    status = {"code": 410, "reason": "Expired", "message": "too old"}
    end: bytes | ApiError = line("ERROR", status) if as_line else from_status("watch", 410, "Expired", "too old")
    run = Run([page(10, item(1), item(2, "b")), page(30, item(2, "b"))], [end])
    assert await run() == ["b"], "what was deleted in the gap is gone"
    assert run.server.versions == ["10", "30"]
    assert run.slept == []


@pytest.mark.parametrize("when", ["watch", "list"])
async def test_versions_that_are_always_too_old_are_listed_ever_more_rarely(when: str) -> None:
    gone = from_status("read", 410, "Expired", "too old")
    if when == "watch":
        run = Run([page(10 + i) for i in range(6)], *[[gone]] * 5)
    else:  # the continue token of the second page expires
        run = Run([each for i in range(5) for each in (page(10 + i, more="x"), gone)] + [page(20)])
    assert await run() == []
    assert run.slept == [1.0, 2.0, 4.0, 8.0]


async def test_a_watch_that_ends_as_soon_as_it_begins_is_begun_ever_more_rarely() -> None:
    run = Run([page(10)], [], [], [line("ADDED", item(11))], [])
    assert await run() == ["a"]
    assert run.slept == [0.5, 1.0, 0.5]


async def test_a_broken_watch_goes_on_where_it_was() -> None:
    run = Run([page(10)], [line("ADDED", item(11)), Unreachable("watch", 0, "Unreachable", "reset")])
    assert await run() == ["a"]
    assert run.server.versions == ["10", "11"]
    assert run.slept == [0.5]
    assert run.informer.synced


async def test_a_kind_that_is_not_there_is_looked_for_again() -> None:
    run = Run([NotFound("list", 404, "NotFound", ""), Forbidden("list", 403, "Forbidden", "no"), page(3, item(1))])
    assert await run() == ["a"]
    assert run.slept == [10.0, 0.5]
    assert not run.informer.kind_missing


class Whole:
    """An API server for `CachedClient`: lists and watches are refused; what is asked of it directly is remembered."""

    def __init__(self, error: ApiError) -> None:
        self.error, self.asked = error, list[str]()

    async def raw(self, *_: Any) -> bytes:
        raise self.error

    async def list(self, kind: kinds.Kind, namespace: str | None, label_selector: str = "") -> tuple[Any, ...]:
        self.asked.append(kind.plural)
        return ()


@pytest.mark.parametrize("absent", [True, False])
async def test_without_a_standing_watch_the_api_server_is_asked(absent: bool) -> None:
    refused = NotFound("list", 404, "NotFound", "") if absent else Unreachable("list", 503, "", "")
    server: Any = Whole(refused)
    cached = CachedClient(server, (), lambda key: None)
    tasks = cached.start(Background())
    await cached.wait_synced(0.05)
    if absent:
        with pytest.raises(NotFound):
            await cached.list(kinds.SERVICE, "default", children_selector("shop"))
    else:
        assert await cached.list(kinds.SERVICE, "default", children_selector("shop")) == ()
    assert server.asked == ([] if absent else ["services"])
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
