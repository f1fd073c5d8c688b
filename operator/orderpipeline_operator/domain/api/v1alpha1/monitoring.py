"""What Prometheus learns of a pipeline."""

from typing import Literal

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.base import Duration, Model


class MonitoringSpec(Model):
    """What Prometheus learns of a pipeline."""

    pod_monitors: bool = Field(
        False,
        description="Create PodMonitors, by which the Prometheus operator scrapes order API, consumers and brokers.",
    )
    labels: dict[str, str] = Field(
        {},
        max_length=16,
        description="Labels of the PodMonitors, by which a Prometheus selects them.",
    )
    interval: Duration = Field("30s", description="How often the pods are scraped.")
    partitions: Literal["Top", "All"] = Field(
        "Top",
        description="Partitions that the operator's metrics show one by one: Top, the ten with the longest lag, or All,"
        " which is three series for each.",
    )
