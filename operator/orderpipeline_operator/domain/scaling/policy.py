"""What the spec asks of the scaling, and what it is tuned by."""

from dataclasses import dataclass
from typing import Literal

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds, consumer_bounds
from orderpipeline_operator.domain.api.v1alpha1.schedule import Schedule, parse
from orderpipeline_operator.domain.lag.sample import Reset
from orderpipeline_operator.domain.scaling.forecast import Horizon
from orderpipeline_operator.domain.scaling.tuning import TUNING, Tuning
from orderpipeline_operator.domain.units.durations import seconds


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """What the spec asks of the scaling. Times in seconds, rates in orders per second.

    `assumed_rate` stands in for the rate of one consumer until that is measured; `fixed` is the number in mode Off,
    None for as many as there are. `schedules` narrow the bounds at times; with `forecast` consumers are added before
    the orders arrive.
    """

    mode: Literal["Auto", "Recommend", "Off"]
    bounds: ConsumerBounds
    fixed: int | None
    per_consumer_min: int
    per_consumer_max: int
    target_catch_up: float
    idle_after: float
    stabilization_up: float
    stabilization_down: float
    poll_interval: float
    offset_reset: Reset
    assumed_rate: float
    schedules: tuple[Schedule, ...] = ()
    forecast: Horizon | None = None
    tuning: Tuning = TUNING


def policy_from(spec: OrderPipelineSpec, tuning: Tuning = TUNING) -> ScalingPolicy:
    """Policy of `spec`. Times that the arithmetic divides by or waits for are at least a second.

    Raises ValueError for a schedule that `accept` would refuse.
    """
    scaling, ahead = spec.autoscaling, spec.autoscaling.forecast
    return ScalingPolicy(
        mode=scaling.mode,
        bounds=consumer_bounds(spec),
        fixed=scaling.replicas,
        per_consumer_min=scaling.partitions_per_consumer.min,
        per_consumer_max=scaling.partitions_per_consumer.max,
        target_catch_up=max(seconds(scaling.target_catch_up), 1.0),
        idle_after=seconds(scaling.idle_after),
        stabilization_up=seconds(scaling.stabilization_up),
        stabilization_down=seconds(scaling.stabilization_down),
        poll_interval=max(seconds(scaling.poll_interval), 1.0),
        offset_reset=spec.consumer.offset_reset,
        assumed_rate=tuning.assumed_rate_per_worker * spec.consumer.workers,
        schedules=tuple(map(parse, scaling.schedules)),
        forecast=None if ahead is None else Horizon(seconds(ahead.season), seconds(ahead.ahead)),
        tuning=tuning,
    )
