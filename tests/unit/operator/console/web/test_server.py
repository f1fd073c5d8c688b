import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping

import pytest
from aiohttp.test_utils import TestClient, TestServer

from orderpipeline_operator.console.facts import Facts, KafkaAccess
from orderpipeline_operator.console.kafka.message_reader import Found, MessagesUnreadableError, Wanted
from orderpipeline_operator.console.live import Live
from orderpipeline_operator.console.source import DeniedError
from orderpipeline_operator.console.views.messages import Message
from orderpipeline_operator.console.web.assets import Asset
from orderpipeline_operator.console.web.headers import POLICY
from orderpipeline_operator.console.web.server import Console
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from orderpipeline_operator.sampling.target import Key
from tests.unit.operator.console.samples import cluster, facts

KNOWN = {("mine", "shop"): facts(namespace="mine"), ("other", "shop"): facts(namespace="other")}
ASSETS = {"index.html": Asset(b"<p>", "text/html", '"1"'), "app.js": Asset(b"1", "text/javascript", '"2"')}


class Source:
    """Two pipelines; the console has access to one's Kafka."""

    def __init__(self) -> None:
        self.known: dict[Key, Facts] = dict(KNOWN)

    def pipelines(self) -> Iterable[Key]:
        return self.known

    def facts(self, key: Key) -> Facts | None:
        return self.known.get(key)

    def kafka(self, key: Key) -> KafkaAccess | None:
        return KafkaAccess(KafkaEndpoint("a:9092")) if key[0] == "mine" else None


class Viewer:
    """Sees the namespace `mine`; reads its orders if `messages`."""

    name = "anna"

    def __init__(self, messages: bool) -> None:
        self._messages = messages

    async def may_see(self, namespaces: Iterable[str]) -> frozenset[str]:
        return frozenset(namespaces) & {"mine"}

    async def may_read_messages(self, namespace: str) -> bool:
        return self._messages and namespace == "mine"


class Gate:
    """Asks for a token."""

    async def viewer(self, headers: Mapping[str, str], host: str) -> Viewer:
        assert host
        if "Authorization" not in headers:
            raise DeniedError(401, "a token is needed")
        return Viewer("messages" in headers["Authorization"])


def read_messages(access: KafkaAccess, topic: str, wanted: Wanted) -> Found:
    if wanted.partition == 9:
        raise MessagesUnreadableError(f"{topic}: timed out")
    assert access.endpoint.bootstrap == "a:9092"
    return Found((Message(0, 1, 5, b"anna", b'{"customer_id": "anna", "quantity": 1}'),), 1, more=False)


Client = TestClient  # type: ignore[type-arg]
SEES, READS = {"Authorization": "Bearer see"}, {"Authorization": "Bearer messages"}


@pytest.fixture
async def live() -> Live:
    found = Live(Source(), lambda access, topics, at: cluster(at=at), lambda: 1000.0)
    found.tick()
    return found


@pytest.fixture
async def client(live: Live) -> AsyncIterator[Client]:
    console = Console(Source(), live, Gate(), ASSETS, read_messages)
    async with TestClient(TestServer(console.app())) as found:
        yield found


@pytest.mark.parametrize("path", ["/", "/api/pipelines", "/api/pipelines/mine/shop", "/api/events", "/nothing"])
async def test_every_answer_has_the_policy_also_a_refusal(client: Client, path: str) -> None:
    async with client.get(path) as reply:
        assert reply.status == 401
        assert reply.headers["Content-Security-Policy"] == POLICY
        assert reply.headers["Cache-Control"] == "no-store"
        assert (await reply.json(content_type=None))["detail"] == "a token is needed"


async def test_what_may_not_be_seen_is_neither_listed_nor_given(client: Client) -> None:
    async with client.get("/api/pipelines", headers=SEES) as reply:
        found = await reply.json()
        assert [(row["namespace"], found["all"]) for row in found["rows"]] == [("mine", 1)]
    for path in ("", "/events", "/messages"):
        for name in ("shop", "not-there"):
            async with client.get(f"/api/pipelines/other/{name}{path}", headers=READS) as reply:
                assert reply.status == 403, "whether it is there is not told either"
    async with client.get("/api/pipelines/mine/not-there", headers=SEES) as reply:
        assert reply.status == 404


async def test_orders_take_more_than_the_pipeline_and_hide_the_customer(client: Client) -> None:
    path = "/api/pipelines/mine/shop/messages"
    async with client.get(path, headers=SEES) as reply:
        assert reply.status == 403
    async with client.get(path, headers=READS) as reply:
        assert "anna" not in await reply.text()
        assert json.loads((await reply.json())["messages"][0]["value"])["quantity"] == 1


@pytest.mark.parametrize(
    ("query", "status", "named"),
    [
        ("topic=all", 400, "topic"),
        ("offset=1", 400, "offset"),
        ("partition=9", 503, "timed out"),
        ("limit=0", 400, "limit"),
    ],
)
async def test_requests_that_cannot_be_answered_say_why(client: Client, query: str, status: int, named: str) -> None:
    async with client.get(f"/api/pipelines/mine/shop/messages?{query}", headers=READS) as reply:
        assert reply.status == status
        assert named in (await reply.json(content_type=None))["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_can_be_written(client: Client, method: str) -> None:
    for path in ("/", "/api/pipelines", "/api/pipelines/mine/shop", "/api/pipelines/mine/shop/messages"):
        async with client.request(method, path, headers=READS) as reply:
            assert reply.status == 405


async def test_a_stream_begins_with_the_whole_view_and_goes_on_with_what_changes(client: Client, live: Live) -> None:
    async with client.get("/api/pipelines/mine/shop/events", headers=SEES) as reply:
        assert reply.content_type == "text/event-stream"
        first = await reply.content.readuntil(b"\n\n")
        assert b"event: all" in first
        assert json.loads(first.split(b"data: ")[1])["name"] == "shop"
        assert live.pages == 1
        await asyncio.sleep(0.05)  # what Kafka says has been read
        live.tick()
        following = await reply.content.readuntil(b"\n\n")
        assert json.loads(following.removeprefix(b"data: "))["kafka"]["brokers"]
    while live.pages:
        await asyncio.sleep(0.01)


async def test_files_are_asked_for_again_and_not_sent_twice(client: Client) -> None:
    async with client.get("/assets/app.js", headers=SEES) as reply:
        assert await reply.read() == b"1"
        tag = reply.headers["ETag"]
    async with client.get("/assets/app.js", headers={**SEES, "If-None-Match": tag}) as reply:
        assert (reply.status, await reply.read()) == (304, b"")
    for path in ("/assets/../app.js", "/assets/%2e%2e/server.py", "/assets/nothing.js"):
        async with client.get(path, headers=SEES) as reply:
            assert reply.status == 404
