"""One sample beside what is remembered: whether orders still arrive, and what one consumer is taken to do."""

from dataclasses import dataclass
from typing import Literal

from orderpipeline_operator.domain.api.v1alpha1 import schedule
from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.lag.sample import LagSample
from orderpipeline_operator.domain.scaling.backlog import behind, waiting
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.domain.scaling.state import ScalingState

RateSource = Literal["measured", "assumed", "assumed, not counted yet"]


@dataclass(frozen=True, slots=True)
class Situation:
    """What is decided on. `before` is the state before the sample, `learned` the one after it; `now` Unix seconds.

    `bounds` are those that hold now, by `schedules` (names, joined by commas). `rate`: orders per second of one
    consumer. `limit`: the most consumers that a rate which is only assumed may ask for, None: no such limit.
    """

    policy: ScalingPolicy
    sample: LagSample
    before: ScalingState
    learned: ScalingState
    now: float
    bounds: ConsumerBounds
    schedules: str
    current: int
    idle: bool
    rate: float
    rate_source: RateSource
    limit: int | None

    @property
    def partitions(self) -> int:
        """Partitions of the topic."""
        return self.sample.partitions

    @property
    def quiet_for(self) -> float | None:
        """Seconds without an order that arrives or waits; None when one did just now."""
        since = self.learned.activity.quiet_since
        return None if since is None else self.now - since


def situation_of(
    policy: ScalingPolicy, sample: LagSample, before: ScalingState, learned: ScalingState, now: float
) -> Situation:
    """The situation after one sample."""
    upper = max(min(policy.bounds.maximum, sample.partitions), 1)
    widest = ConsumerBounds(min(policy.bounds.minimum, upper), upper)
    bounds, schedules = schedule.narrow(widest, policy.schedules, now)
    current = bounds.minimum if learned.desired is None else learned.desired
    # What this sample taught about the rate counts from the next one on: so more lag can never mean fewer consumers.
    known = before.capacity
    uncounted = known.rate is None and not behind(policy, sample)
    source: RateSource = (
        "measured" if known.rate is not None else "assumed, not counted yet" if uncounted else "assumed"
    )
    return Situation(
        policy=policy,
        sample=sample,
        before=before,
        learned=learned,
        now=now,
        bounds=bounds,
        schedules=schedules,
        current=current,
        idle=_idle(policy, sample, before, learned, now),
        rate=known.rate if known.rate is not None else max(policy.assumed_rate, known.observed or 0.0),
        rate_source=source,
        limit=_limit(policy, learned, source, current, now),
    )


def _idle(policy: ScalingPolicy, sample: LagSample, before: ScalingState, learned: ScalingState, now: float) -> bool:
    if sample.markers:
        return False
    # A first reading, which cannot tell whether orders arrive, does not wake what a restart found asleep.
    if before.desired == 0 and not waiting(sample) and not sample.arrived:
        return True
    since = learned.activity.quiet_since
    return since is not None and now - since >= policy.idle_after


def _limit(policy: ScalingPolicy, learned: ScalingState, source: RateSource, current: int, now: float) -> int | None:
    if source == "measured":
        return None
    # An assumed rate counts once the consumers show that they do not keep up. Until then the floor is all there is to
    # go by, and what is above it is given back, so that the true rate comes to light.
    if source == "assumed, not counted yet":
        return 1
    # After a number was given back they first settle, or it would be taken again before it taught anything.
    scaled_up, since = learned.scaled_up_at, learned.group.members_since
    given_back = scaled_up is not None and now - scaled_up >= policy.stabilization_down
    unsettled = since is not None and now - since < policy.tuning.settle_seconds
    return max(current, 1) if given_back and unsettled else None
