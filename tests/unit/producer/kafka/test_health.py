"""Whether orders can be sent: late metadata alone refuses nothing while Kafka acknowledges."""

import asyncio
import json
from dataclasses import dataclass

import pytest

from orderpipeline_common.supervision import no_turn
from orderpipeline_producer.kafka import health as module
from orderpipeline_producer.kafka.health import IDLE_CHECKS, KafkaHealth
from orderpipeline_producer.kafka.in_flight import InFlight, PythonByteCounter
from orderpipeline_producer.kafka.producer_client import NoAnswer
from orderpipeline_producer.web.problems import not_ready

LATE = "Kafka is unreachable: timed out"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """One check follows another at once."""
    monkeypatch.setattr(module, "GOOD_SECONDS", 0.0)
    monkeypatch.setattr(module, "BAD_SECONDS", 0.0)


@dataclass
class Turn:
    """An answer, None for none in time; while it lasts, orders are acknowledged or fail, and so many stay in flight."""

    answer: str | None
    acked: int = 0
    failed: int = 0
    bytes: int = 0


class Kafka:
    """Answers each check with the next of its turns. What health says after each check is in `problems`, as a probe is
    told.
    """

    def __init__(self, *turns: Turn) -> None:
        self.health = KafkaHealth()
        self.turns = list(turns)
        self.in_flight = InFlight(0, PythonByteCounter())
        self.problems: list[str] = []

    def check(self) -> str:
        problem = not_ready(self.health.problem(), ()).reply()
        self.problems.append(json.loads(problem.body)["detail"])
        if not self.turns:
            raise AssertionError("the end")
        turn = self.turns.pop(0)
        self.in_flight.acked += turn.acked
        self.in_flight.failed += turn.failed
        self.in_flight.counter.value = turn.bytes
        return NoAnswer(LATE) if turn.answer is None else turn.answer

    async def watch(self) -> list[str]:
        """What health says after each answer."""
        with pytest.raises(AssertionError, match="the end"):
            await asyncio.wait_for(self.health.watch(self.check, self.in_flight, no_turn), 60)
        return self.problems[1:]


GOOD, GONE = Turn(""), "topic orders: no partition has a leader"


async def test_late_metadata_refuses_nothing_while_orders_are_acknowledged() -> None:
    turns = Turn(None, acked=10, bytes=99), Turn(None, acked=10, bytes=99), Turn(None, acked=1, bytes=99)
    assert await Kafka(GOOD, *turns, GOOD).watch() == [""] * 5


async def test_late_metadata_while_orders_wait_in_vain_refuses() -> None:
    turns = Turn(None, bytes=99), Turn(None, bytes=99), Turn(None, bytes=99)
    assert await Kafka(Turn("", acked=10, bytes=99), *turns).watch() == ["", "", LATE, LATE]


async def test_late_metadata_after_orders_have_failed_refuses() -> None:
    assert await Kafka(GOOD, Turn(None, failed=1)).watch() == ["", LATE]


async def test_late_metadata_while_no_order_is_in_flight_refuses_only_when_it_lasts() -> None:
    late = Turn(None)
    assert await Kafka(GOOD, *[late] * (IDLE_CHECKS - 1), GOOD).watch() == [""] * (IDLE_CHECKS + 1)
    assert await Kafka(GOOD, *[late] * IDLE_CHECKS, GOOD).watch() == [*[""] * IDLE_CHECKS, LATE, ""]


async def test_what_was_never_reached_is_not_taken_for_idle() -> None:
    assert await Kafka(Turn(None)).watch() == [LATE]


async def test_what_is_wrong_can_be_replied() -> None:
    for wrong in (Turn(None, bytes=99), Turn(GONE)):
        (_, found) = await Kafka(GOOD, wrong).watch()
        assert json.loads(not_ready(found, ()).reply().body)["detail"] == found != ""


async def test_acknowledgements_open_again() -> None:
    assert await Kafka(Turn(None), Turn(None), Turn(None, acked=5), GOOD).watch() == [LATE, LATE, "", ""]


async def test_a_topic_without_leaders_refuses_whatever_is_acknowledged() -> None:
    assert await Kafka(Turn("", acked=10), Turn(GONE, acked=10), GOOD).watch() == ["", GONE, ""]
