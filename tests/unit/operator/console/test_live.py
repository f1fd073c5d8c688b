import asyncio
from collections.abc import Iterable

import msgspec

from orderpipeline_operator.console.brokers import KafkaFacts
from orderpipeline_operator.console.facts import Facts, KafkaAccess, Topics
from orderpipeline_operator.console.live import CLUSTER_SECONDS, Live
from orderpipeline_operator.console.views.overview import Query
from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from orderpipeline_operator.sampling.target import Key
from tests.unit.operator.console.samples import cluster, facts

KEY = ("default", "shop")


class Source:
    def __init__(self) -> None:
        self.known: dict[Key, Facts] = {KEY: facts()}
        self.asked = 0

    def pipelines(self) -> Iterable[Key]:
        return self.known

    def facts(self, key: Key) -> Facts | None:
        self.asked += 1
        return self.known.get(key)

    def kafka(self, key: Key) -> KafkaAccess | None:
        return KafkaAccess(KafkaEndpoint("a:9092")) if key in self.known else None


class Clock:
    def __init__(self) -> None:
        self.now, self.read = 1000.0, 0

    def unix(self) -> float:
        return self.now

    def read_cluster(self, access: KafkaAccess, topics: Topics, at: float) -> KafkaFacts:
        self.read += 1
        return cluster(at=at)


async def test_fifty_pages_cost_one_look_and_one_encoding():
    source, clock = Source(), Clock()
    live = Live(source, clock.read_cluster, clock.unix)
    live.tick()
    watched = [live.watch(lambda: live.pipeline_json(KEY, 30), KEY) for _ in range(50)]
    pages = [one.__enter__() for one in watched]
    before = source.asked
    live.tick()
    assert source.asked - before <= 3, "once for the timeline, once for the view"
    assert len({id(page.latest) for page in pages}) == 1
    await asyncio.sleep(0.05)
    assert clock.read == 1
    for one in watched:
        one.__exit__(None, None, None)
    assert live.pages == 0


async def test_a_page_gets_only_what_has_changed_and_only_the_newest():
    source, clock = Source(), Clock()
    live = Live(source, clock.read_cluster, clock.unix)
    query = Query()
    with live.watch(lambda: live.overview_json(query, frozenset({"default"}))) as page:
        updates = page.updates(0.01)
        live.tick()
        assert msgspec.json.decode(await anext(updates) or b"")["rows"][0]["state"] == "Ready"
        live.tick()
        assert await anext(updates) is None, "nothing has changed"
        for state in ("Not ready", "Paused"):
            source.known[KEY] = facts(state=state)
            live.tick()
        assert msgspec.json.decode(await anext(updates) or b"")["rows"][0]["state"] == "Paused"


async def test_brokers_are_asked_while_somebody_looks_and_not_more_often():
    source, clock = Source(), Clock()
    live = Live(source, clock.read_cluster, clock.unix)
    live.tick()
    assert clock.read == 0
    with live.watch(lambda: live.pipeline_json(KEY), KEY):
        for _ in range(3):
            live.tick()
            await asyncio.sleep(0.02)
        assert clock.read == 1
        clock.now += CLUSTER_SECONDS
        live.tick()
        await asyncio.sleep(0.02)
        assert clock.read == 2
    clock.now += 100
    live.tick()
    await asyncio.sleep(0.02)
    assert clock.read == 2


async def test_a_pipeline_that_is_gone_is_forgotten_and_others_namespaces_are_left_out():
    source, clock = Source(), Clock()
    live = Live(source, clock.read_cluster, clock.unix)
    live.tick()
    assert live.pipeline_json(KEY) is not None
    assert msgspec.json.decode(live.overview_json(Query(), frozenset({"other"})))["all"] == 0
    del source.known[KEY]
    live.tick()
    assert live.pipeline_json(KEY) is None
