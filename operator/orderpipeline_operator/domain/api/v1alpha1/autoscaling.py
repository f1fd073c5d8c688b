"""How the lag becomes a number of consumers."""

from typing import Literal

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.anticipation import ForecastSpec, ScheduleSpec
from orderpipeline_operator.domain.api.v1alpha1.base import Duration, Model, rule, rules


class PartitionsPerConsumer(Model):
    """The range within which partitions are shared out."""

    model_config = rules(
        rule("self.min <= self.max", "must not exceed max; lower it or raise max", ".min"),
    )

    min: int = Field(2, ge=1, le=100, description="Fewest partitions per consumer: the goal under pressure.")
    max: int = Field(3, ge=1, le=100, description="Most partitions per consumer: the goal under a steady flow.")


class AutoscalingSpec(Model):
    """How the lag becomes a number of consumers."""

    model_config = rules(
        rule("!has(self.max) || self.min <= self.max", "must not exceed max; lower it or raise max", ".min"),
    )

    mode: Literal["Auto", "Recommend", "Off"] = Field(
        "Auto",
        description="Auto moves the consumers; Recommend publishes the decision and moves nothing; Off keeps replicas.",
    )
    backend: Literal["ExternalMetrics", "KEDA", "Direct"] = Field(
        "ExternalMetrics",
        description="What moves the consumers in mode Auto. ExternalMetrics: an HPA that reads the operator's external"
        " metric; KEDA: a ScaledObject, for clusters whose external metrics are KEDA's; Direct: the operator itself.",
    )
    replicas: int | None = Field(
        None,
        ge=0,
        le=10000,
        description="With Off: the number of consumers; when absent, as many as there are stay.",
    )
    partitions_per_consumer: PartitionsPerConsumer = Field(
        PartitionsPerConsumer(), description="One consumer per this many partitions."
    )
    min: int = Field(1, ge=0, le=10000, description="Consumers when idle; 0 stops them all until orders arrive.")
    max: int | None = Field(
        None,
        ge=1,
        le=10000,
        description="Most consumers; ceil(partitions / partitionsPerConsumer.min) when absent, at most the partitions.",
    )
    target_catch_up: Duration = Field("60s", description="How soon a backlog shall be worked off.")
    idle_after: Duration = Field("5m", description="Time without orders and lag until consumers fall to min.")
    stabilization_up: Duration = Field(
        "0s", description="How long more consumers must be wanted before they are added."
    )
    stabilization_down: Duration = Field(
        "1m", description="How long fewer consumers must be wanted before they are removed."
    )
    poll_interval: Duration = Field("5s", description="Time between two samples of the lag.")
    schedules: list[ScheduleSpec] = Field(
        [], max_length=16, description="Times at which narrower bounds hold, such as business hours."
    )
    forecast: ForecastSpec | None = Field(
        None, description="Add consumers ahead of what each day or week brings; absent: react only."
    )
