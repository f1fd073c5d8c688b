"""What a pipeline may do while it only holds a copy of its peer's orders.

The invariant behind everything here: nobody but the mirror writes orders at a standby, and nobody works them. Only then
is the copy of an order where it can be computed from MirrorMaker 2's pairs of offsets.
"""

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec


def is_standby(spec: OrderPipelineSpec) -> bool:
    """Whether the spec asks for a copy only."""
    return spec.disaster_recovery is not None and spec.disaster_recovery.role == "standby"


def fenced(spec: OrderPipelineSpec, *, mirroring: bool) -> bool:
    """Whether orders are neither taken nor worked. `mirroring`: whether a mirror of an earlier spec may still write."""
    return is_standby(spec) or mirroring


def without_consumers(spec: OrderPipelineSpec) -> OrderPipelineSpec:
    """The spec with no consumers and nothing that would start them."""
    none = spec.autoscaling.model_copy(update={"mode": "Off", "replicas": 0})
    return spec.model_copy(update={"autoscaling": none})
