"""What to sample and by which policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orderpipeline_operator.domain.manifests.kafka_endpoint import KafkaEndpoint
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy

Key = tuple[str, str]
"""Namespace and name of the OrderPipeline."""


@dataclass(frozen=True, slots=True)
class Target:
    """A pipeline to sample.

    `replicas_now` are the consumers that there are now (None: not known), tracked again when they change; it stands in
    for the members of the group. `restored` is the CR's status.scaling, read only on the first `track`. Another
    `generation` of the CR ends the wait for another attempt at what cannot be read. `all_partitions` is whether metrics
    show each of them.
    """

    key: Key
    endpoint: KafkaEndpoint[str]
    topic: str
    group: str
    policy: ScalingPolicy
    replicas_now: int | None = None
    restored: Mapping[str, Any] | None = None
    generation: int = 0
    all_partitions: bool = False

    @property
    def source(self) -> tuple[object, ...]:
        """What the offsets are read from; when it changes, what was read before says nothing."""
        return self.endpoint, self.topic, self.group
