"""The fewest and most consumers of a pipeline; the HPA, the decision and the checks all ask here."""

from dataclasses import dataclass

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec


@dataclass(frozen=True, slots=True)
class ConsumerBounds:
    """Numbers of consumers, `0 <= minimum <= maximum`, `1 <= maximum <= partitions`."""

    minimum: int
    maximum: int

    def clamp(self, replicas: int) -> int:
        """The number within the bounds that is nearest to `replicas`."""
        return min(max(replicas, self.minimum), self.maximum)


def consumer_bounds(spec: OrderPipelineSpec) -> ConsumerBounds:
    """Bounds of `spec`. More consumers than partitions would be idle, so the partitions bound both."""
    scaling, partitions = spec.autoscaling, spec.topic.partitions
    wanted = scaling.max if scaling.max is not None else -(-partitions // scaling.partitions_per_consumer.min)
    maximum = min(max(wanted, 1), partitions)
    return ConsumerBounds(min(scaling.min, maximum), maximum)
