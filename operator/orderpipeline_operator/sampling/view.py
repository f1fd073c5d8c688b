"""What is published of a decision, and when a change of it is worth publishing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from orderpipeline_operator.domain.lag.sample import Group, LagSample, Load, Unknown, noticeably_changed
from orderpipeline_operator.domain.planning.observed import Scaling, forecast_slot
from orderpipeline_operator.domain.scaling import state_json
from orderpipeline_operator.domain.scaling.decision import Decision
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy

PUBLISH_EVERY = 15.0
"""Seconds between two publications of what merely moves, such as the lag. A new number of consumers doesn't wait."""

REMEMBER_EVERY = 900.0
"""Seconds after which what the policy has learned under an even load is published, or a restart would forget it."""

UNREAD_FOR = 15.0
"""Seconds without a lag after which that is published: a broker that restarts is no news."""

STALE_SLACK = 30.0
"""Seconds that a sample may take beyond its time: as long as a client waits for brokers, and a queue of others."""


@dataclass(frozen=True)
class ScalingView(Scaling):
    """What the sampler publishes, with the class of the reason, the partitions and the group added."""

    reason: str = ""
    loads: tuple[Load, ...] = ()
    group: Group | None = None
    """None while the last reading is not known."""


def view_of(
    decision: Decision,
    sample: LagSample | Unknown,
    decisions: tuple[dict[str, Any], ...],
    leaving: tuple[str, ...] = (),
) -> ScalingView:
    """The view of one decision. Lag that is not known is None, whatever it was before. `leaving` are those of the last
    change of the number."""
    known = sample if isinstance(sample, LagSample) else None
    error = f"{sample.reason}: {sample.message}" if isinstance(sample, Unknown) else ""
    seconds = None if known is None or known.seconds is None else round(known.seconds, 1)
    return ScalingView(
        orders=None if known is None else known.orders,
        seconds=seconds,
        partitions=None if known is None else known.partitions,
        desired=decision.replicas,
        why=decision.message,
        error=error,
        latest=decision.to_json(),
        decisions=decisions,
        state=state_json.to_json(decision.state),
        reason=decision.reason,
        leaving=leaving,
        loads=() if known is None else known.loads,
        group=None if known is None else known.group,
    )


def stale_after(policy: ScalingPolicy) -> float:
    """Seconds without any sample, failed ones included, after which the last one counts for nothing."""
    return 2 * policy.poll_interval + STALE_SLACK


def stale(view: ScalingView, limit: float) -> ScalingView:
    """The view once its sample is too old: what was decided holds, what was read is no longer known."""
    error = f"Stale: no sample has come for more than {limit:g} s; the operator's log says why"
    return replace(view, orders=None, seconds=None, error=error, loads=(), group=None)


def is_material(published: ScalingView | None, new: ScalingView, since: float, unread: float) -> bool:
    """Whether `new` is worth a write, `since` seconds after the last one and `unread` seconds after the last reading.

    A new number of consumers and a lag that becomes known are published at once, one that stays unknown after
    UNREAD_FOR; a lag that changes and another reason at most every PUBLISH_EVERY seconds, and so does why it cannot be
    read and when that is tried again. The age of orders that wait
    for ever is published ever more rarely, and of an idle pipeline only what its forecast has learned, once a slot.
    What the policy remembers otherwise is published every REMEMBER_EVERY seconds while it changes.
    """
    if published is None or published.desired != new.desired:
        return True
    if forecast_slot(published.state) != forecast_slot(new.state):
        return True
    if since >= REMEMBER_EVERY and _without_forecast(published.state) != _without_forecast(new.state):
        return True
    if bool(published.error) != bool(new.error):
        return not new.error or unread >= UNREAD_FOR
    lags = ((published.orders, new.orders), (published.seconds, new.seconds))
    lag_changed = any(noticeably_changed(*each) for each in lags)
    other = (published.partitions, published.reason, published.error) != (new.partitions, new.reason, new.error)
    return (lag_changed or other) and since >= PUBLISH_EVERY


def publishes_after(published: ScalingView | None, new: ScalingView | None) -> float:
    """Seconds after the last publication from which on `new`, which is known, is worth a write; infinite: never."""
    if new is None:
        return 0.0
    return next(
        (after for after in (0.0, PUBLISH_EVERY, REMEMBER_EVERY) if is_material(published, new, after, 0.0)), inf
    )


def _without_forecast(state: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (state or {}).items() if name != "forecast"}
