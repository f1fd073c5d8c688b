"""Schedules: bounds that hold at times."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.api.v1alpha1.schedule import Schedule, narrow
from orderpipeline_operator.domain.scaling.decide import decide
from orderpipeline_operator.domain.validation.accept import Rejected, accept
from tests.unit.operator.domain.scaling.samples import POLICY, follow, remember, sample

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Schedule("office", "0 8 * * 1-5", BERLIN, 10 * 3600.0, minimum=40)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("time", "holds"),
    [
        ("2026-11-23T07:59:59", False), ("2026-11-23T08:00:00", True), ("2026-11-23T17:59:59", True),
        ("2026-11-23T18:00:00", False), ("2026-11-22T12:00:00", False), ("2026-07-01T08:00:00", True),
        ("2026-07-01T07:30:00", False),
    ],
)  # fmt: skip
def test_a_schedule_holds_from_its_start_for_its_duration_in_its_own_zone(time, holds):
    assert OFFICE.holds(at(time)) is holds


def test_a_schedule_over_a_clock_change_lasts_as_long_as_it_says():
    night = Schedule("night", "0 1 * * *", BERLIN, 4 * 3600.0, maximum=5)
    start = at("2026-10-25T01:00:00")  # at 3 o'clock it is 2 again
    assert night.holds(start + 4 * 3600 - 1)
    assert not night.holds(start + 4 * 3600)


def test_schedules_narrow_and_never_widen():
    wide, noon = ConsumerBounds(2, 60), at("2026-11-23T12:00:00")
    assert narrow(wide, (OFFICE,), noon) == (ConsumerBounds(40, 60), "office")
    assert narrow(wide, (OFFICE,), at("2026-11-22T12:00:00")) == (wide, "")
    assert narrow(wide, (replace(OFFICE, minimum=100),), noon)[0] == ConsumerBounds(60, 60)
    low = replace(OFFICE, name="low", minimum=None, maximum=10)
    assert narrow(wide, (low, OFFICE), noon) == (ConsumerBounds(40, 40), "low, office")
    assert narrow(wide, (replace(low, maximum=1),), noon)[0] == ConsumerBounds(2, 2)


def test_a_schedule_moves_at_once_and_its_end_waits_as_ever():
    policy = replace(POLICY, schedules=(OFFICE,))
    few = sample(lag=3, arrived=0)
    before = follow(policy, [few] * 3, remember(desired=1), at("2026-11-23T07:59:00"))
    assert before[-1].replicas == 1
    begun = decide(policy, few, before[-1].state, at("2026-11-23T08:00:00"))
    assert (begun.replicas, begun.reason) == (40, "Bounds")
    assert (begun.numbers.schedules, begun.numbers.minimum) == ("office", 40)
    over = follow(policy, [few] * 70, begun.state, at("2026-11-23T18:00:00"))
    assert (over[0].replicas, over[0].reason, over[-1].replicas) == (40, "StabilizingDown", 1)


@pytest.mark.parametrize(
    ("schedule", "path", "words"),
    [
        ({"start": "0 8 * * 9"}, "start", "Bad day-of-week"),
        ({"start": "@daily xx"}, "start", "2 fields"),
        ({"start": "0 0 30 2 *"}, "start", "day"),
        ({"timeZone": "Europe/Atlantis"}, "timeZone", "IANA"),
        ({"timeZone": "../../etc/passwd"}, "timeZone", "IANA"),
        ({"duration": "1s"}, "duration", "between"),
    ],
)
def test_schedules_that_mean_nothing_are_refused_with_their_path(schedule, path, words):
    one = {"name": "office", "start": "0 8 * * 1-5", "duration": "10h", "min": 4} | schedule
    refused = accept({"autoscaling": {"schedules": [one]}})
    assert isinstance(refused, Rejected)
    assert refused.problems[0].path == f"spec.autoscaling.schedules[0].{path}"
    assert words in refused.problems[0].message
