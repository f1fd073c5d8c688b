"""From a recommendation to what is done now: bounds hold at once, a rebalance holds what is, and changes wait."""

from dataclasses import dataclass, replace

from orderpipeline_operator.domain.scaling import backoff, even_steps, trial
from orderpipeline_operator.domain.scaling.facts import Facts
from orderpipeline_operator.domain.scaling.members import lightest, members_of
from orderpipeline_operator.domain.scaling.recommendation import Reason, Recommendation
from orderpipeline_operator.domain.scaling.state import ScalingState, Stabilization


@dataclass(frozen=True, slots=True)
class Outcome:
    """The number of consumers that there shall be now, why, and what to remember.

    `waited` and `wait` are the seconds for which a change that is held was recommended, and has to be. `leaving` names
    the members that should go.
    """

    replicas: int
    reason: Reason
    state: ScalingState
    waited: float = 0.0
    wait: float = 0.0
    leaving: tuple[str, ...] = ()


def stabilize(facts: Facts, recommended: Recommendation) -> Outcome:
    """What comes of a recommendation now."""
    situation = facts.situation
    current, learned, wanted = situation.current, situation.learned, recommended.replicas
    if situation.bounds.clamp(current) != current:
        return _into_bounds(facts)
    since = learned.group.rebalancing_since
    if since is not None and current > 0 and situation.now - since < situation.policy.tuning.rebalance_hold_seconds:
        return Outcome(current, "Rebalancing", learned)
    if wanted > current:
        return _up(facts, recommended)
    if wanted < current:
        return _down(facts, recommended)
    return Outcome(current, recommended.reason, replace(learned, stabilization=Stabilization()))


def _into_bounds(facts: Facts) -> Outcome:
    situation = facts.situation
    replicas = situation.bounds.clamp(situation.current)
    if not situation.idle:
        replicas = even_steps.round_up(replicas, situation.partitions, situation.bounds)
    scaled_up_at = situation.now if replicas > situation.current else situation.learned.scaled_up_at
    moved = replace(situation.learned, stabilization=Stabilization(), trial=None, scaled_up_at=scaled_up_at)
    return Outcome(replicas, "Bounds", moved)


def _up(facts: Facts, recommended: Recommendation) -> Outcome:
    situation = facts.situation
    policy, sample, current, now = situation.policy, situation.sample, situation.current, situation.now
    learned, waiting = situation.learned, situation.learned.stabilization
    since = waiting.above_since if waiting.above_since is not None else now
    goal = min(recommended.replicas, recommended.replicas if waiting.min_above is None else waiting.min_above)
    if now - since < policy.stabilization_up:
        held = replace(learned, stabilization=Stabilization(above_since=since, min_above=goal))
        return Outcome(current, "StabilizingUp", held, now - since, policy.stabilization_up)
    moved = replace(
        learned,
        stabilization=Stabilization(),
        scaled_up_at=now,
        trial=trial.begin(policy, sample, current, goal, now),
        backoff=backoff.on_scale_up(policy, learned.backoff, current, sample, now),
    )
    return Outcome(goal, recommended.reason, moved)


def _down(facts: Facts, recommended: Recommendation) -> Outcome:
    situation = facts.situation
    policy, sample, current, now = situation.policy, situation.sample, situation.current, situation.now
    learned, wanted = situation.learned, recommended.replicas
    below, wait = with_recommendation(learned.stabilization.below, wanted, now), backoff.wait(policy, learned.backoff)
    due = [number for since, number in below if now - since >= wait and number < current]
    cooled = learned.scaled_up_at is None or now - learned.scaled_up_at >= policy.stabilization_down
    if situation.idle and cooled:
        due = [wanted]  # idleAfter was the wait
    if not due:
        held = replace(learned, stabilization=Stabilization(below))
        return Outcome(current, "StabilizingDown", held, now - below[0][0], wait)
    goal = due[-1]
    still = tuple(each for each in below if each[1] < goal)  # fewer still, but not for long enough yet
    moved = replace(
        learned,
        stabilization=Stabilization(still),
        trial=None,
        backoff=backoff.on_scale_down(learned.backoff, current, sample, now),
    )
    members = members_of(sample)
    return Outcome(goal, recommended.reason, moved, leaving=lightest(members, len(members) - goal))


def with_recommendation(below: tuple[tuple[float, int], ...], wanted: int, now: float) -> tuple[tuple[float, int], ...]:
    """Since when no more than each number was recommended, after one recommendation more."""
    kept = tuple(each for each in below if each[1] > wanted)
    since = below[len(kept)][0] if len(kept) < len(below) else now
    return (*kept, (since, wanted))
