"""What is remembered over a restart, by the status."""

from dataclasses import replace

import pytest

from orderpipeline_operator.domain.scaling import state_json
from orderpipeline_operator.domain.scaling.forecast import Forecast
from orderpipeline_operator.domain.scaling.state import (
    Activity,
    Backoff,
    Capacity,
    Ceiling,
    Membership,
    ScaleDown,
    ScalingState,
    Stabilization,
    Trial,
)

FULL = ScalingState(
    desired=12,
    scaled_up_at=905.0,
    activity=Activity(True, 900.0, 995.0, 990.0),
    group=Membership(11, 960.0, 965.0),
    stabilization=Stabilization(((950.0, 8), (970.0, 6)), 940.0, 16),
    capacity=Capacity(9.5, 12.25),
    trial=Trial(905.0, 8, 12, 80.5),
    ceiling=Ceiling(10, 2000.0, 600.0, 95.5),
    backoff=Backoff(ScaleDown(800.0, 16, 120.5), 240.0, 14, 3000.0, 1200.0, 130.5),
    forecast=Forecast(7, (1.0, None), 3.0, 2.0),
)
EARLIER = {
    "desired": 12, "last_up": 905.0, "steady": True, "active_since": 900.0, "arrived_at": 995.0, "quiet_since": 990.0,
    "members": 11, "members_since": 960.0, "rebalancing_since": 965.0, "below": [[950.0, 8], [970.0, 6]],
    "above_since": 940.0, "above_trough": 16, "rate": 9.5, "shown": 12.25, "trial_at": 905.0, "trial_from": 8,
    "trial_to": 12, "trial_before": 80.5, "ceiling": 10, "ceiling_until": 2000.0, "ceiling_for": 600.0,
    "ceiling_rate": 95.5, "fall_at": 800.0, "fall_from": 16, "fall_rate": 120.5, "hold": 240.0, "least": 14,
    "least_until": 3000.0, "least_for": 1200.0, "least_rate": 130.5,
    "forecast": {"slot": 7, "orders": 3.0, "seconds": 2.0, "season": [1.0, -1]},
}  # fmt: skip
"""As earlier versions wrote it: flat, in snake_case."""


def test_the_state_survives_the_status():
    assert state_json.from_json(state_json.to_json(replace(FULL, at=1000.0))) == FULL


def test_an_updated_operator_reads_the_earlier_form():
    assert state_json.from_json(EARLIER) == FULL
    assert state_json.from_json({"rate": 9.5}) == ScalingState(capacity=Capacity(9.5))
    assert state_json.from_json({"desired": 3, "last_up": 5.0}) == ScalingState(desired=3, scaled_up_at=5.0)


def test_names_are_in_camel_case():
    def names(value: object) -> set[str]:
        inner = value.values() if isinstance(value, dict) else ()
        return {*(value if isinstance(value, dict) else ()), *(name for each in inner for name in names(each))}

    assert all("_" not in name and name[0].islower() for name in names(state_json.to_json(FULL)))


@pytest.mark.parametrize(
    "foreign",
    [
        {"desired": "many", "rate": -1, "steady": "yes", "other": 1},
        {"desired": "many", "capacity": {"rate": -1}, "activity": {"steady": "yes"}, "other": {}},
        {"group": 3, "members": "x", "trial": {"startedAt": 5.0}},
        ["x"],
    ],
)
def test_foreign_state_counts_as_not_known(foreign):
    assert state_json.from_json(foreign) == ScalingState()


def test_all_times_move_with_the_clock():
    moved = replace(FULL, at=1000.0).shifted(-100.0)
    assert (moved.at, moved.scaled_up_at, moved.trial.started_at) == (900.0, 805.0, 805.0)
    assert moved.activity == Activity(True, 800.0, 895.0, 890.0)
    assert moved.group == Membership(11, 860.0, 865.0)
    assert moved.stabilization == Stabilization(((850.0, 8), (870.0, 6)), 840.0, 16)
    assert moved.ceiling == Ceiling(10, 1900.0, 600.0, 95.5)
    assert moved.backoff == Backoff(ScaleDown(700.0, 16, 120.5), 240.0, 14, 2900.0, 1200.0, 130.5)
    assert (moved.capacity, moved.forecast) == (FULL.capacity, FULL.forecast)


def test_nothing_restored_began_after_now():
    past = FULL.not_after(500.0, 60.0)
    assert (past.scaled_up_at, past.trial.started_at) == (500.0, 500.0)
    assert past.activity == Activity(True, 500.0, 500.0, 500.0)
    assert past.group == Membership(11, 500.0, 500.0)
    assert past.stabilization == Stabilization(((500.0, 8), (500.0, 6)), 500.0, 16)
    assert past.ceiling == replace(FULL.ceiling, until=500.0 + 60.0 + 600.0)
    assert past.backoff == replace(FULL.backoff, scale_down=ScaleDown(500.0, 16, 120.5), floor_until=500.0 + 1200.0)
    assert FULL.not_after(2000.0, 60.0) == FULL
