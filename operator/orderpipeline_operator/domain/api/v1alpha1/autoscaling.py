"""How the number of consumers follows the lag."""

from typing import Literal

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.anticipation import ForecastSpec, ScheduleSpec
from orderpipeline_operator.domain.api.v1alpha1.base import Duration, Model, rule, rules


class PartitionsPerConsumer(Model):
    """How many partitions each consumer should have."""

    model_config = rules(
        rule("self.min <= self.max", "must not exceed max; lower it or raise max", ".min"),
    )

    min: int = Field(2, ge=1, le=100, description="Fewest partitions per consumer: the target under pressure.")
    max: int = Field(3, ge=1, le=100, description="Most partitions per consumer: the target under steady load.")


class AutoscalingSpec(Model):
    """How the number of consumers follows the lag."""

    model_config = rules(
        rule("!has(self.max) || self.min <= self.max", "must not exceed max; lower it or raise max", ".min"),
    )

    mode: Literal["Auto", "Recommend", "Off"] = Field(
        "Auto",
        description="Auto scales the consumers; Recommend only publishes the decision; Off keeps replicas.",
    )
    backend: Literal["ExternalMetrics", "KEDA", "Direct"] = Field(
        "ExternalMetrics",
        description="What scales the consumers in mode Auto. ExternalMetrics: an HPA that reads the operator's external"
        " metric; KEDA: a ScaledObject, for clusters whose external metrics are served by KEDA; Direct: the operator.",
    )
    replicas: int | None = Field(
        None,
        ge=0,
        le=10000,
        description="With Off: the number of consumers; when absent, the current number is kept.",
    )
    partitions_per_consumer: PartitionsPerConsumer = Field(
        PartitionsPerConsumer(), description="One consumer per this many partitions."
    )
    min: int = Field(1, ge=0, le=10000, description="Consumers when idle; 0 stops them all until orders arrive.")
    max: int | None = Field(
        None,
        ge=1,
        le=10000,
        description="Maximum number of consumers, up to the partitions;"
        " ceil(partitions / partitionsPerConsumer.min) when absent.",
    )
    target_catch_up: Duration = Field("60s", description="Time within which a backlog should be cleared.")
    idle_after: Duration = Field(
        "5m", description="Time without new orders or lag before the consumers are reduced to min."
    )
    stabilization_up: Duration = Field(
        "0s", description="How long a higher number must be recommended before consumers are added."
    )
    stabilization_down: Duration = Field(
        "1m", description="How long a lower number must be recommended before consumers are removed."
    )
    poll_interval: Duration = Field("5s", description="Time between two samples of the lag.")
    schedules: list[ScheduleSpec] = Field(
        [], max_length=16, description="Times at which narrower bounds apply, such as business hours."
    )
    forecast: ForecastSpec | None = Field(
        None, description="Adds consumers ahead of daily or weekly peaks; when absent, the operator only reacts."
    )
