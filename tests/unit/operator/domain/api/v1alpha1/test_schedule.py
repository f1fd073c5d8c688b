"""Schedules: bounds that hold at times."""

from dataclasses import replace
from datetime import UTC, datetime
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


ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Pacific/Chatham",
    "Atlantic/Azores", "America/Havana", "Asia/Beirut", "Antarctica/Troll", "Asia/Kolkata",
)  # fmt: skip


def changes(zone: ZoneInfo) -> list[float]:
    """The hours of 2026 at the end of which the offset from UTC is another."""
    year = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    hours = [year + 3600.0 * i for i in range(365 * 24)]
    offsets = [datetime.fromtimestamp(each, zone).utcoffset() for each in hours]
    return [hours[i] for i in range(len(hours) - 1) if offsets[i] != offsets[i + 1]]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("start", ["30 2 * * *", "0 0 * * *", "45 1 * * *", "15 3 * * *"])
def test_a_day_whose_clock_changes_has_one_window_without_a_gap(zone: str, start: str):
    for change in changes(ZoneInfo(zone)):
        one = Schedule("night", start, ZoneInfo(zone), 2 * 3600.0, minimum=5)
        minutes = [one.holds(change + 300.0 * i) for i in range(-12 * 12, 12 * 12)]
        begins = [i for i in range(1, len(minutes)) if minutes[i] and not minutes[i - 1]]
        assert len(begins) in (0, 1, 2), "one a day"
        for i in begins:
            assert all(minutes[i : i + 24])
            assert i + 24 >= len(minutes) or not minutes[i + 24]
        assert not begins or len(begins) == 1 or begins[1] - begins[0] > 20 * 12


def test_an_hourly_schedule_begins_in_both_hours_of_the_same_name():
    hourly = Schedule("hourly", "0 * * * *", BERLIN, 1800.0, minimum=5)
    midnight = datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp()
    assert [hourly.holds(midnight + 1800 * i) for i in range(12)] == [True, False] * 6


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
