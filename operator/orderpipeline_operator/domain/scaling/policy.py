"""From the spec to the scaling policy."""

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.api.v1alpha1.bounds import consumer_bounds
from orderpipeline_operator.domain.api.v1alpha1.schedule import parse
from orderpipeline_operator.domain.scaling.forecast import Horizon
from orderpipeline_operator.domain.scaling.model import ScalingPolicy
from orderpipeline_operator.domain.units.durations import seconds

COLD_RATE_PER_WORKER = 10.0
"""Orders per second that one worker is taken to handle until it was measured: 100 ms for an order.

A guess on the slow side, so that the first reaction errs toward more consumers; it never goes past the maximum.
"""


def policy_from(spec: OrderPipelineSpec) -> ScalingPolicy:
    """Policy of `spec`. Times that the arithmetic divides by or waits on are at least a second.

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
        cold_rate=COLD_RATE_PER_WORKER * spec.consumer.workers,
        schedules=tuple(map(parse, scaling.schedules)),
        forecast=None if ahead is None else Horizon(seconds(ahead.season), seconds(ahead.ahead)),
    )
