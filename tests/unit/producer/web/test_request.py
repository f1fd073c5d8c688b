"""Bodies read within bounds: bytes, time, and all requests together."""

import asyncio
from collections.abc import Sequence

import pytest

from orderpipeline_producer.web.problems import Problem
from orderpipeline_producer.web.request import BodyMemoryBudget, Request, read_body


class Headers:
    def __init__(self, **fields: str) -> None:
        self._fields = {name.replace("_", "-").lower(): value for name, value in fields.items()}

    def get(self, key: str, default: str) -> str:
        return self._fields.get(key.lower(), default)

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]:
        return [self._fields[key.lower()]] if key.lower() in self._fields else default


class Body:
    """Gives its pieces one by one; after them it waits for ever unless it is complete."""

    def __init__(self, *pieces: bytes, length: int | None = None, complete: bool = True) -> None:
        self.length = length
        self._pieces = list(pieces)
        self._complete = complete

    def refuse_over(self, limit: int) -> None:
        self.limit = limit

    def whole(self) -> bytes | None:
        return None

    async def read(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        if not self._complete:
            await asyncio.Event().wait()
        return b""

    async def proceed(self) -> None:
        pass


def request(body: Body, seconds: float = 5.0, **headers: str) -> Request:
    return Request("POST", "/order", Headers(**headers), body, asyncio.get_running_loop().time() + seconds)


async def status_of(body: Body, limit: int, held: BodyMemoryBudget, seconds: float = 5.0, **headers: str) -> int:
    with pytest.raises(Problem) as caught:
        await read_body(request(body, seconds, **headers), limit, held)
    return caught.value.status


async def test_a_body_in_pieces_is_joined() -> None:
    assert await read_body(request(Body(b"a", b"b")), 2, BodyMemoryBudget(2)) == b"ab"


async def test_too_large_is_refused_by_its_announcement_and_while_it_comes() -> None:
    assert await status_of(Body(length=3, complete=False), 2, BodyMemoryBudget(100)) == 413
    assert await status_of(Body(b"ab", b"c", complete=False), 2, BodyMemoryBudget(100)) == 413


async def test_a_body_that_does_not_come_is_late() -> None:
    assert await status_of(Body(b"a", complete=False), 10, BodyMemoryBudget(100), seconds=0.02) == 408


async def test_all_bodies_together_have_a_bound_and_give_their_room_back() -> None:
    held = BodyMemoryBudget(3)
    slow = asyncio.ensure_future(read_body(request(Body(b"ab", complete=False), 0.2), 10, held))
    await asyncio.sleep(0.01)
    assert await status_of(Body(b"cd"), 10, held) == 503
    with pytest.raises(Problem):
        await slow
    assert await read_body(request(Body(b"cde")), 10, held) == b"cde"


async def test_an_unknown_encoding_is_refused_before_anything_is_read() -> None:
    assert await status_of(Body(complete=False), 10, BodyMemoryBudget(100), Content_Encoding="br") == 415
