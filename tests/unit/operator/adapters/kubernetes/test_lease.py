"""The election, on an API in memory and a clock that only moves when somebody sleeps."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from orderpipeline_operator.adapters.kubernetes.lease import Election, LeaseTerms
from orderpipeline_operator.domain.kubernetes.kinds import Manifest, Ref
from orderpipeline_operator.errors import Conflict, NotFound, Unreachable


class Api:
    """One Lease with a resourceVersion; `down` makes every call fail."""

    def __init__(self) -> None:
        self.lease: Manifest | None = None
        self.version = 0
        self.down = False
        self.hangs = False

    async def get(self, ref: Ref) -> Manifest:
        await self._answer()
        if self.lease is None:
            raise NotFound("get", 404, "NotFound", "")
        return self.lease

    async def create(self, manifest: Manifest) -> Manifest:
        await self._answer()
        if self.lease is not None:
            raise Conflict("create", 409, "AlreadyExists", "")
        return self._store(manifest)

    async def replace(self, manifest: Manifest) -> Manifest:
        await self._answer()
        if manifest["metadata"]["resourceVersion"] != str(self.version):
            raise Conflict("replace", 409, "Conflict", "")
        return self._store(manifest)

    def _store(self, manifest: Manifest) -> Manifest:
        self.version += 1
        self.lease = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": str(self.version)}}
        return self.lease

    async def _answer(self) -> None:
        if self.hangs:
            await asyncio.sleep(3600)
        if self.down:
            raise Unreachable("call", 0, "Unreachable", "no route")


class Time:
    """Seconds that pass by sleeping; `script` maps a time to what happens then."""

    def __init__(self) -> None:
        self.now = 100.0
        self.script: dict[float, Any] = {}

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=self.now)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        for at in sorted(self.script):
            if at <= self.now:
                self.script.pop(at)()
        await asyncio.sleep(0)


def candidate(api: Api, time: Time, name: str) -> Election:
    terms = LeaseTerms.of("system", "lease", name, 15, 10.0, 2.0)
    return Election(api, terms, monotonic=time.monotonic, now=time.wall, sleep=time.sleep)


async def test_the_first_leads_and_the_second_waits_out_the_lease() -> None:
    api, time = Api(), Time()
    await candidate(api, time, "a").acquire()
    started = time.now
    second = candidate(api, time, "b")
    await second.acquire()
    assert time.now - started >= 15
    assert api.lease is not None
    assert api.lease["spec"]["holderIdentity"] == "b"
    assert api.lease["spec"]["leaseTransitions"] == 1


async def test_a_leader_that_renews_is_not_overtaken() -> None:
    api, time = Api(), Time()
    first, second = candidate(api, time, "a"), candidate(api, time, "b")
    await first.acquire()
    holding = asyncio.ensure_future(first.hold())
    waiting = asyncio.ensure_future(second.acquire())
    for _ in range(200):
        await asyncio.sleep(0)
    assert time.now > 200
    assert not holding.done()
    assert not waiting.done()
    holding.cancel()
    waiting.cancel()
    await asyncio.gather(holding, waiting, return_exceptions=True)


async def test_a_released_lease_is_taken_at_once() -> None:
    api, time = Api(), Time()
    first = candidate(api, time, "a")
    await first.acquire()
    await first.release()
    before = time.now
    await candidate(api, time, "b").acquire()
    assert time.now == before


async def test_the_lead_is_given_up_before_another_may_take_it() -> None:
    api, time = Api(), Time()
    first = candidate(api, time, "a")
    await first.acquire()
    renewed = time.now
    api.down = True
    await first.hold()
    assert 8 <= time.now - renewed <= 12
    assert "no route" in first.error


async def test_a_short_outage_does_not_cost_the_lead() -> None:
    api, time = Api(), Time()
    first = candidate(api, time, "a")
    await first.acquire()

    def down() -> None:
        api.down = True

    def up() -> None:
        api.down = False

    def stolen() -> None:
        assert api.lease is not None
        api._store({**api.lease, "spec": {**api.lease["spec"], "holderIdentity": "thief"}})

    time.script = {103.0: down, 107.0: up, 150.0: stolen}
    await first.hold()
    assert time.now >= 150
    assert first.error == ""


async def test_an_edit_of_the_lease_by_hand_does_not_cost_the_lead() -> None:
    api, time = Api(), Time()
    first = candidate(api, time, "a")
    await first.acquire()
    answer = api.replace
    calls = 0

    async def raced(manifest: Manifest) -> Manifest:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Conflict("replace", 409, "Conflict", "edited")
        if calls > 3:
            api.down = True
        return await answer(manifest)

    api.replace = raced  # type: ignore[method-assign]
    await first.hold()
    assert calls >= 3


async def test_two_that_see_no_lease_do_not_both_lead() -> None:
    api, time = Api(), Time()
    first, second = candidate(api, time, "a"), candidate(api, time, "b")
    results = await asyncio.gather(first._try(), second._try())
    assert sorted(results) == [False, True]
