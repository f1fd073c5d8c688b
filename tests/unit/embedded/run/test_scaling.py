"""The operator's decisions set the number of processes."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from orderpipeline_common.background import Background
from orderpipeline_embedded.run.plan import make_plan, read_pipeline
from orderpipeline_embedded.run.rates import rate
from orderpipeline_embedded.run.scaling import Scaling, consumer_numbers
from orderpipeline_embedded.run.state_file import STATE, learned
from orderpipeline_operator.domain.lag.sample import Group, PartitionOffsets, Reading, Unknown
from orderpipeline_operator.domain.scaling.why import report
from tests.support.readers import ReadEachTime
from tests.unit.embedded.run.test_plan import text


class Fleet:
    """Only numbers."""

    def __init__(self) -> None:
        self.desired = self.running = 1
        self.leaving: tuple[int, ...] = ()

    def scale(self, desired: int, leaving: Sequence[int] = ()) -> None:
        self.desired, self.leaving = desired, tuple(leaving)


class Reader(ReadEachTime):
    """Reads the same over and over."""

    def __init__(self, reading: Reading | Unknown) -> None:
        self.reading, self.closed = reading, False

    def read(self) -> Reading | Unknown:
        return self.reading

    def close(self) -> None:
        self.closed = True


BACKLOG = Reading("t", dict.fromkeys(range(12), PartitionOffsets(0, 100_000, 0)), Group("Stable", 1))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


async def decided(
    mode: str, reading: Reading | Unknown, state_folder: Path | None = None
) -> tuple[Fleet, Scaling, list[str], Reader]:
    source = text(autoscaling={"mode": mode}, topic={"partitions": 12})
    plan = make_plan(read_pipeline(source, "x"), kafka_port=1, api_port=2)
    fleet, reported, reader = Fleet(), [], Reader(reading)
    scaling = Scaling(
        plan,
        fleet,
        reported.append,
        Background(),
        state_folder=state_folder,
        make_reader=lambda _: reader,
        monotonic=lambda: 1.0,
    )
    scaling.start()
    await until(lambda: scaling.view is not None)
    scaling.refresh()
    await scaling.close()
    return fleet, scaling, reported, reader


async def test_a_backlog_starts_consumers_and_says_why(tmp_path: Path) -> None:
    fleet, scaling, reported, reader = await decided("Auto", BACKLOG, tmp_path)
    kept = report(json.loads((tmp_path / STATE).read_text()))
    assert "6 consumers desired, 1 running; 1200000 orders waiting." in kept
    assert fleet.desired == 6
    assert reported[0].startswith("consumers 1 -> 6: ")
    assert [one.written for one in scaling.points] == [1_200_000]
    assert rate(scaling.points) is None
    assert reader.closed
    assert scaling.uncommitted() == 1_200_000


@pytest.mark.parametrize(("mode", "reading"), [("Recommend", BACKLOG), ("Auto", Unknown("KafkaUnreachable", "gone"))])
async def test_a_recommendation_and_an_unknown_lag_change_nothing(mode: str, reading: Reading | Unknown) -> None:
    fleet, scaling, reported, _ = await decided(mode, reading)
    assert (fleet.desired, reported) == (1, [])
    assert len(scaling.points) == isinstance(reading, Reading)
    assert scaling.uncommitted() == (1_200_000 if isinstance(reading, Reading) else None)


async def test_a_run_knows_what_an_earlier_one_has_learned(tmp_path: Path) -> None:
    await decided("Auto", BACKLOG, tmp_path)
    kept = json.loads((tmp_path / STATE).read_text())
    scaling = kept["status"]["scaling"]
    scaling["state"] |= {"capacity": {"rate": 9.5}, "desired": 9, "scaledUpAt": 5.0}
    (tmp_path / STATE).write_text(json.dumps(kept))
    fleet, _, _, _ = await decided("Recommend", BACKLOG, tmp_path)
    again = json.loads((tmp_path / STATE).read_text())["status"]["scaling"]
    assert again["state"]["capacity"]["rate"] == 9.5
    assert scaling["decisions"][0] in again["decisions"]
    assert fleet.desired == 1, "what the earlier run had at work, this one has not"


@pytest.mark.parametrize("kept", [None, "", "[]", "{}", '{"status": {"scaling": 3}}', '{"status": null}'])
def test_what_cannot_be_read_of_an_earlier_run_is_none(tmp_path: Path, kept: str | None) -> None:
    if kept is not None:
        (tmp_path / STATE).write_text(kept)
    assert learned(tmp_path, 1) == {}


def test_consumers_are_identified_by_their_numbers() -> None:
    assert consumer_numbers(("orderpipeline-consumer-3", "orderpipeline-consumer-host", "other-1")) == (3,)
