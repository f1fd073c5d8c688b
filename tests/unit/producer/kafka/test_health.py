"""Whether orders can be sent: late metadata alone refuses nothing while Kafka acknowledges."""

import asyncio
import json
from collections.abc import Callable

import pytest

from orderpipeline_common.supervision import no_turn
from orderpipeline_producer.kafka import health as module
from orderpipeline_producer.kafka.health import KafkaHealth
from orderpipeline_producer.kafka.producer_client import NoAnswer
from orderpipeline_producer.web.problems import not_ready

LATE = "Kafka is unreachable: timed out"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """One check follows another at once."""
    monkeypatch.setattr(module, "GOOD_SECONDS", 0.0)
    monkeypatch.setattr(module, "BAD_SECONDS", 0.0)


class Kafka:
    """Answers each check with the next of its answers, None for none in time; of each, so many orders are acknowledged
    while it lasts. What health says after each check is in `problems`, as a probe is told.
    """

    def __init__(self, *turns: tuple[str | None, int]) -> None:
        self.health = KafkaHealth()
        self.turns = list(turns)
        self.acknowledged = 0
        self.problems: list[str] = []

    def check(self) -> str:
        problem = not_ready(self.health.problem(), ()).reply()
        self.problems.append(json.loads(problem.body)["detail"])
        if not self.turns:
            raise AssertionError("the end")
        answer, orders = self.turns.pop(0)
        self.acknowledged += orders
        return NoAnswer(LATE) if answer is None else answer

    async def watch(self) -> list[str]:
        """What health says after each answer."""
        read: Callable[[], int] = lambda: self.acknowledged  # noqa: E731
        with pytest.raises(AssertionError, match="the end"):
            await asyncio.wait_for(self.health.watch(self.check, read, no_turn), 60)
        return self.problems[1:]


async def test_late_metadata_refuses_nothing_while_orders_are_acknowledged() -> None:
    assert await Kafka(("", 0), (None, 10), (None, 10), (None, 1), ("", 0)).watch() == [""] * 5


async def test_late_metadata_without_acknowledgements_refuses() -> None:
    assert await Kafka(("", 10), (None, 0), (None, 0), (None, 0)).watch() == ["", "", LATE, LATE]


async def test_what_is_wrong_can_be_replied() -> None:
    for answer in (None, "topic orders: no partition has a leader"):
        (_, found) = await Kafka(("", 0), (answer, 0)).watch()
        assert json.loads(not_ready(found, ()).reply().body)["detail"] == found != ""


async def test_acknowledgements_open_again() -> None:
    assert await Kafka((None, 0), (None, 0), (None, 5), ("", 0)).watch() == [LATE, LATE, "", ""]


async def test_a_topic_without_leaders_refuses_whatever_is_acknowledged() -> None:
    gone = "topic orders: no partition has a leader"
    assert await Kafka(("", 10), (gone, 10), ("", 0)).watch() == ["", gone, ""]
