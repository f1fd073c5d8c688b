"""What Prometheus learns of a pipeline."""

from typing import Literal

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.base import Model


class MonitoringSpec(Model):
    """What Prometheus learns of a pipeline."""

    partitions: Literal["Top", "All"] = Field(
        "Top",
        description="Partitions that the operator's metrics show one by one: Top, the ten with the longest lag, or All,"
        " which is three series for each.",
    )
