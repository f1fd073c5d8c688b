"""Bodies read within bounds: bytes, pace, and all requests together."""

import asyncio
from collections.abc import Sequence

import pytest

from orderpipeline_producer.web.problems import Problem
from orderpipeline_producer.web.request import LARGE_PIECE, TURN_SECONDS, BodyMemoryBudget, Request, pieces, read_body
from orderpipeline_producer.web.timeouts import Timeouts
from tests.support import virtual_time


class Headers:
    def __init__(self, **fields: str) -> None:
        self._fields = {name.replace("_", "-").lower(): value for name, value in fields.items()}

    def get(self, key: str, default: str) -> str:
        return self._fields.get(key.lower(), default)

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]:
        return [self._fields[key.lower()]] if key.lower() in self._fields else default


class Body:
    """Gives its pieces one by one, each after `pause` seconds; then it waits for ever unless it is complete."""

    def __init__(self, *pieces: bytes, length: int | None = None, complete: bool = True, pause: float = 0.0) -> None:
        self.length = length
        self._pieces = list(pieces)
        self._complete = complete
        self._pause = pause

    def refuse_over(self, limit: int) -> None:
        self.limit = limit

    def whole(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        if self._pieces:
            await asyncio.sleep(self._pause)
            return self._pieces.pop(0)
        if not self._complete:
            await asyncio.sleep(86400)
        return b""

    async def proceed(self) -> None:
        pass


TIMEOUTS = Timeouts(head=10.0, body_rate=1024, request=12.0)


def request(body: Body, timeouts: Timeouts = TIMEOUTS, **headers: str) -> Request:
    deadline = asyncio.get_running_loop().time() + timeouts.request
    return Request("POST", "/order", Headers(**headers), body, timeouts, deadline)


async def status_of(body: Body, limit: int, held: BodyMemoryBudget, **headers: str) -> int:
    with pytest.raises(Problem) as caught:
        await read_body(request(body, **headers), limit, held)
    return caught.value.status


async def test_a_body_in_pieces_is_joined() -> None:
    assert await read_body(request(Body(b"a", b"b")), 2, BodyMemoryBudget(2)) == b"ab"


async def test_pieces_of_any_size_are_joined_in_their_sequence() -> None:
    sent = [b"a", b"b" * LARGE_PIECE, b"c" * LARGE_PIECE, b"d", b"e", b"f" * LARGE_PIECE, b"g"]
    assert await read_body(request(Body(*sent)), 10**6, BodyMemoryBudget(10**6)) == b"".join(sent)


async def test_too_large_is_refused_by_its_announcement_and_while_it_comes() -> None:
    assert await status_of(Body(length=3, complete=False), 2, BodyMemoryBudget(100)) == 413
    assert await status_of(Body(b"ab", b"c", complete=False), 2, BodyMemoryBudget(100)) == 413


async def seconds_until_408(body: Body) -> float:
    assert await status_of(body, 10**9, BodyMemoryBudget(10**9)) == 408
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("size", "pause", "seconds"),
    [
        (0, 0.0, 10.0),  # nothing arrives
        (2048, 0.0, 12.0),  # at once, and then nothing: as long as those bytes may take
        (1, 1.0, 10.0 + 10 / 1024),  # a byte a second
        (400, 1.0, 10.0 + 15 * 400 / 1024),  # less than half of the rate
    ],
)
def test_a_body_that_arrives_too_slowly_is_refused(size: int, pause: float, seconds: float) -> None:
    body = Body(*[b"a" * size] * (100 if pause else 1 if size else 0), complete=False, pause=pause)
    assert virtual_time.run(seconds_until_408(body)) == pytest.approx(seconds, abs=1e-6)


def test_a_body_at_the_rate_may_take_minutes_and_the_reply_has_its_time_after_it() -> None:
    async def upload() -> None:
        sent = request(Body(*[b"a" * 1024] * 300, pause=1.0))
        assert len(await read_body(sent, 10**9, BodyMemoryBudget(10**9))) == 300 * 1024
        assert (asyncio.get_running_loop().time(), sent.deadline) == (300.0, 312.0)

    virtual_time.run(upload())


def test_time_in_which_the_handler_is_busy_does_not_count_against_the_client() -> None:
    async def upload() -> int:
        size = 0
        async for piece in pieces(request(Body(*[b"a"] * 20, pause=0.1))):
            size += len(piece)
            await asyncio.sleep(60)
        return size

    assert virtual_time.run(upload()) == 20


def test_all_bodies_together_have_a_bound_and_give_their_room_back() -> None:
    async def bodies() -> None:
        held = BodyMemoryBudget(3)
        slow = asyncio.ensure_future(read_body(request(Body(b"ab", complete=False)), 10, held))
        await asyncio.sleep(0.01)
        assert await status_of(Body(b"cd"), 10, held) == 503
        with pytest.raises(Problem):
            await slow
        assert await read_body(request(Body(b"cde")), 10, held) == b"cde"

    virtual_time.run(bodies())


def test_a_body_is_read_when_those_before_it_have_come() -> None:
    async def bodies() -> None:
        held = BodyMemoryBudget(5)
        first = asyncio.ensure_future(read_body(request(Body(b"ab", length=4, complete=False)), 10, held))
        await asyncio.sleep(0.01)
        second = asyncio.ensure_future(read_body(request(Body(b"cd", length=2)), 10, held))
        await asyncio.sleep(0.01)
        assert not second.done()
        first.cancel()
        assert await second == b"cd"
        assert await read_body(request(Body(b"abcde", length=5)), 10, held) == b"abcde", "nothing is left of either"
        assert asyncio.get_running_loop().time() < TURN_SECONDS

    virtual_time.run(bodies())


def test_a_body_that_never_comes_delays_the_others_only() -> None:
    async def bodies() -> None:
        held = BodyMemoryBudget(5)
        never = asyncio.ensure_future(read_body(request(Body(length=5, complete=False)), 10, held))
        await asyncio.sleep(0)
        assert await read_body(request(Body(b"abcde", length=5)), 10, held) == b"abcde"
        assert asyncio.get_running_loop().time() == TURN_SECONDS
        never.cancel()

    virtual_time.run(bodies())


async def test_an_unknown_encoding_is_refused_before_anything_is_read() -> None:
    assert await status_of(Body(complete=False), 10, BodyMemoryBudget(100), Content_Encoding="br") == 415
