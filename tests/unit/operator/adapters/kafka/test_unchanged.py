"""Asking whether a reading still holds, over connections that answer late, otherwise, or not at all."""

from collections.abc import Sequence
from typing import Any

import pytest

from orderpipeline_operator.adapters.kafka.connection import BrokerConnectionError
from orderpipeline_operator.adapters.kafka.unchanged import FIRST_LOOK, Asked, holds

ASKED = (Asked(3, 10, b"topic?", True, b"topic"), Asked(9, 5, b"commits?", False, b"commits"))


class Connection:
    """Gives its answers one after another; None: not there yet; a failure: raised."""

    def __init__(self, *answers: bytes | BrokerConnectionError | None) -> None:
        self.answers, self.sent, self.looks = list(answers), list[bytes](), 0

    def framed(self, key: int, version: int, body: bytes, flexible: bool) -> bytes:
        return bytes([key, version, flexible]) + body

    def send_at_once(self, requests: bytes) -> None:
        self.sent.append(requests)

    def arrived(self) -> bytes | None:
        self.looks += 1
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, BrokerConnectionError):
            raise answer
        return answer

    def late(self) -> BrokerConnectionError:
        return BrokerConnectionError("KafkaUnreachable", "late")


async def ask(
    *connections: Connection, asked: Sequence[Asked] = ASKED, seconds: float = 5.0
) -> tuple[bool, list[float]]:
    slept: list[float] = []

    async def sleep(wait: float) -> None:
        slept.append(wait)

    given: Any = dict.fromkeys(connections, asked)
    return await holds(given, seconds, sleep), slept


async def test_all_is_asked_at_once_and_collected_together() -> None:
    both = Connection(b"topic", b"commits"), Connection(b"topic", b"commits")
    assert await ask(*both) == (True, [FIRST_LOOK])
    for one in both:
        assert one.sent == [b"\x03\x0a\x01topic?\x09\x05\x00commits?"]
        assert one.looks == 2, "nothing more is looked for than was asked"


async def test_answers_that_are_late_are_waited_for_ever_longer() -> None:
    late = Connection(b"topic", None, None, None, b"commits")
    there = Connection(b"topic", b"commits")
    assert await ask(there, late) == (True, [FIRST_LOOK, 2 * FIRST_LOOK, 4 * FIRST_LOOK, 8 * FIRST_LOOK])
    assert there.looks == 2


@pytest.mark.parametrize("answers", [(b"topic", b"other"), (b"other", b"commits"), (b"other", None, b"commits")])
async def test_one_answer_that_differs_is_enough_and_the_others_are_collected(
    answers: tuple[bytes | None, ...],
) -> None:
    other = Connection(*answers)
    assert (await ask(Connection(b"topic", b"commits"), other))[0] is False
    assert other.answers == []


async def test_a_connection_that_fails_or_does_not_answer_in_time_raises() -> None:
    with pytest.raises(BrokerConnectionError, match="closed"):
        await ask(Connection(b"topic", BrokerConnectionError("KafkaUnreachable", "closed", stale=True)))
    with pytest.raises(BrokerConnectionError, match="late"):
        await ask(Connection(b"topic"), seconds=0.0)
