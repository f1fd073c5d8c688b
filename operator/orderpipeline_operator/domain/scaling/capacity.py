"""What one consumer can do: measured while consumers are busy, observed while they are not."""

import math
from dataclasses import replace

from orderpipeline_operator.domain.lag.sample import LagSample
from orderpipeline_operator.domain.scaling.backlog import behind, has_backlog, saturated
from orderpipeline_operator.domain.scaling.members import Member, members_of
from orderpipeline_operator.domain.scaling.policy import ScalingPolicy
from orderpipeline_operator.domain.scaling.state import Capacity, Membership


def settled(policy: ScalingPolicy, sample: LagSample, group: Membership, now: float) -> bool:
    """Whether the smoothed rates of the sample describe the members that there are."""
    stable = sample.group.state == "Stable" and bool(sample.group.members)
    return stable and group.members_since is not None and now - group.members_since >= policy.tuning.settle_seconds


def measure(policy: ScalingPolicy, sample: LagSample, known: Capacity, elapsed: float | None) -> Capacity:
    """Take in a sample of a settled group, `elapsed` seconds after the one before (None: not known).

    Consumers that had enough to do show their rate; others show only that it is no lower than was known.
    """
    members = sample.group.members
    if not sample.processed_rate or not members:
        return known
    seen = _busy_rate(policy, sample, sample.partitions / min(members, sample.partitions))
    if seen is None:
        return known
    if known.rate is None:
        return _first(policy, sample, known, seen)
    if saturated(policy, sample):
        constant = policy.tuning.rate_fall_seconds if seen < known.rate else policy.tuning.rate_rise_seconds
        weight = -math.expm1(-min(elapsed or 0.0, policy.tuning.rate_fall_seconds) / constant)
        return replace(known, rate=known.rate + weight * (seen - known.rate))
    return replace(known, rate=seen) if seen > known.rate else known


def _first(policy: ScalingPolicy, sample: LagSample, known: Capacity, seen: float) -> Capacity:
    """The first rate is that of a consumer that is behind, once it no longer rises: smoothed rates start low."""
    most = max(known.observed or 0.0, seen)
    if behind(policy, sample) and seen <= policy.tuning.rate_rising_ratio * (known.observed or 0.0):
        return replace(known, rate=most)
    return replace(known, observed=most)


def _busy_rate(policy: ScalingPolicy, sample: LagSample, each: float) -> float | None:
    """What one busy consumer of `each` partitions did per second; None when nothing of what waits was processed.

    A consumer is busy when one of its partitions has a backlog; the others of its partitions are average ones. Where
    all have one that is the plain mean.
    """
    members = members_of(sample)
    if members:
        return _busy_member_rate(policy, members, behind(policy, sample))
    everywhere = (sample.processed_rate or 0.0) / sample.partitions
    if not sample.loads or not behind(policy, sample):
        return each * everywhere
    busy = [load.processed_rate for load in sample.loads if has_backlog(policy, load)]
    return sum(busy) / len(busy) + (each - 1.0) * everywhere if busy else None


def _busy_member_rate(policy: ScalingPolicy, members: tuple[Member, ...], any_behind: bool) -> float | None:
    """What a busy member did per second; while none is behind, the most that one did."""
    busy = sorted(one.processed for one in members if any(has_backlog(policy, load) for load in one.loads))
    if any_behind:
        # Some have only just become busy, so not the mean; commits come in bursts, so not the most.
        return busy[3 * len(busy) // 4] if busy else None
    return max(one.processed for one in members)
