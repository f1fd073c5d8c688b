"""All that the rules decide on: the situation, what it asks for, and the numbers of consumers for that."""

from dataclasses import dataclass

from orderpipeline_operator.domain.lag.sample import LagSample
from orderpipeline_operator.domain.scaling import sizing
from orderpipeline_operator.domain.scaling.demand import Demand, demand_of
from orderpipeline_operator.domain.scaling.needs import Needs, needs_of
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.domain.scaling.situation import Situation, situation_of
from orderpipeline_operator.domain.scaling.state import ScalingState


@dataclass(frozen=True, slots=True)
class Facts:
    """`for_load`: consumers for what arrives and waits now; `with_forecast`: also for what is about to arrive."""

    situation: Situation
    demand: Demand
    needs: Needs
    for_load: int
    with_forecast: int


def facts_of(
    policy: ScalingPolicy, sample: LagSample, before: ScalingState, learned: ScalingState, now: float
) -> Facts:
    """Facts of one sample: `before` is the state before it, `learned` the one after it; `now` Unix seconds."""
    situation = situation_of(policy, sample, before, learned, now)
    demand = demand_of(situation)
    needs = needs_of(situation, demand)
    for_load = sizing.for_load(needs, policy.tuning.min_spare_ratio)
    return Facts(situation, demand, needs, for_load, sizing.with_forecast(needs, for_load))
