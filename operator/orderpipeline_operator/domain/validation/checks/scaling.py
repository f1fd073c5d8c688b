"""Checks of spec.autoscaling."""

from collections.abc import Iterator
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec, ScheduleSpec
from orderpipeline_operator.domain.api.v1alpha1.schedule import parse
from orderpipeline_operator.domain.units.durations import milliseconds
from orderpipeline_operator.domain.validation.checks.problem import Problem, duration

_SCALING: Final = "spec.autoscaling"


def check(spec: OrderPipelineSpec) -> Iterator[Problem]:
    """Times, schedules, forecast."""
    scaling = spec.autoscaling
    yield from duration(f"{_SCALING}.pollInterval", scaling.poll_interval, "1s", "10m")
    yield from duration(f"{_SCALING}.targetCatchUp", scaling.target_catch_up, "1s", "7d")
    yield from duration(f"{_SCALING}.stabilizationUp", scaling.stabilization_up, "0s", "1d")
    yield from duration(f"{_SCALING}.stabilizationDown", scaling.stabilization_down, "0s", "1d")
    yield from duration(f"{_SCALING}.idleAfter", scaling.idle_after, "1s", "30d")
    if milliseconds(scaling.idle_after) < milliseconds(scaling.poll_interval):
        message = "must not be below pollInterval: between two samples nothing is known; raise it"
        yield Problem(f"{_SCALING}.idleAfter", "IdleBelowPollInterval", message)
    for index, schedule in enumerate(scaling.schedules):
        yield from _schedule(f"{_SCALING}.schedules[{index}]", schedule)
    if scaling.forecast is not None:
        yield from duration(f"{_SCALING}.forecast.season", scaling.forecast.season, "10m", "7d")
        yield from duration(f"{_SCALING}.forecast.ahead", scaling.forecast.ahead, "0s", "1h")


def _schedule(path: str, schedule: ScheduleSpec) -> Iterator[Problem]:
    yield from duration(f"{path}.duration", schedule.duration, "1m", "31d")
    try:
        parse(schedule)
    except ValueError as error:
        field, _, message = str(error).partition(": ")
        yield Problem(f"{path}.{field}", "InvalidSchedule", message)
