"""How long a decision stands while the same is read: nothing moves, and nothing that it depends on ends."""

import math

from orderpipeline_operator.domain.lag import history
from orderpipeline_operator.domain.lag.sample import LagSample
from orderpipeline_operator.domain.scaling.decision import Decision
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.domain.scaling.state import Stabilization


def stands_until(policy: ScalingPolicy, sample: LagSample, decision: Decision) -> float | None:
    """Until when, in Unix seconds, decisions on equal samples differ from this one in their time and words alone.

    None: the next one may be another. Only a pipeline that is idle and has the number of consumers for that rests, and
    none for which a schedule may begin or a forecast learns. Infinite if nothing is remembered up to a certain time.
    """
    state, backoff = decision.state, decision.state.backoff
    rests = (
        decision.reason == "Idle"
        and decision.replicas == decision.previous
        and history.at_rest(sample)
        and sample.group.state != "Rebalancing"
        and not policy.schedules
        and policy.forecast is None
        and not state.activity.steady
        and state.stabilization == Stabilization()
        and state.trial is None
    )
    if not rests:
        return None
    ends = [state.ceiling.until, backoff.floor_until]
    if backoff.scale_down is not None:
        ends.append(backoff.scale_down.started_at + policy.tuning.probation_seconds)
    return min((end for end in ends if end is not None), default=math.inf)
