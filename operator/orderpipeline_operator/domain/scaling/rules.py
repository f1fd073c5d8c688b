"""The rules of the scaling: an ordered list, of which the first that applies gives the number and its reason."""

from collections.abc import Callable

from orderpipeline_operator.domain.scaling import sizing
from orderpipeline_operator.domain.scaling.facts import Facts
from orderpipeline_operator.domain.scaling.recommendation import Recommendation

Rule = Callable[[Facts], Recommendation | None]


def recommend(facts: Facts) -> Recommendation:
    """The first recommendation of the rules."""
    found = (rule(facts) for rule in RULES)
    return next(each for each in found if each is not None)


def no_further_than_helps(facts: Facts) -> Recommendation | None:
    if facts.needs.ceiling is None:
        return None
    most = max(facts.needs.ceiling, facts.needs.floor)
    return Recommendation(most, "Ineffective") if facts.with_forecast > most else None


def ready_for_the_forecast(facts: Facts) -> Recommendation | None:
    return Recommendation(facts.with_forecast, "Forecast") if facts.with_forecast > facts.for_load else None


def minimum_when_idle(facts: Facts) -> Recommendation | None:
    return Recommendation(facts.for_load, "Idle") if facts.needs.idle else None


def not_more_for_a_hot_partition(facts: Facts) -> Recommendation | None:
    needs = facts.needs
    skewed = needs.requested > needs.required and sizing.for_all_requested(needs) > facts.for_load
    return Recommendation(facts.for_load, "Skewed") if skewed else None


def without_spare_members(facts: Facts) -> Recommendation | None:
    needs, replicas = facts.needs, facts.for_load
    if not needs.members.known or replicas > needs.current:
        return None
    between = not sizing.is_even(needs, replicas) or replicas < needs.uneven
    return Recommendation(replicas, "Spare") if between else None


def up_to_the_maximum(facts: Facts) -> Recommendation | None:
    exceeded = facts.needs.requested > facts.needs.bounds.maximum
    return Recommendation(facts.for_load, "AtMaximum") if exceeded else None


def for_the_demand(facts: Facts) -> Recommendation | None:
    needs = facts.needs
    if max(needs.required, facts.for_load) <= needs.floor:
        return None
    return Recommendation(facts.for_load, "Pressure" if needs.floor > 1 else "Demand")


def floor_until_idle(facts: Facts) -> Recommendation | None:
    return None if facts.situation.quiet_for is None else Recommendation(facts.for_load, "Quiet")


def floor_while_orders_arrive(facts: Facts) -> Recommendation | None:
    return Recommendation(facts.for_load, "Steady" if facts.needs.floor > 1 else "Demand")


RULES: tuple[Rule, ...] = (
    # A scale-up that brought no throughput is not repeated for a while.
    no_further_than_helps,
    # What is about to arrive, where that needs more consumers than the present load.
    ready_for_the_forecast,
    # No orders for idleAfter: the minimum, which may be 0.
    minimum_when_idle,
    # What a single partition asks for beyond one consumer's rate is named, and not answered with more consumers.
    not_more_for_a_hot_partition,
    # Between two even steps, where it is known who owns which partition and the others have capacity.
    without_spare_members,
    # More would be needed than the bounds allow.
    up_to_the_maximum,
    # Arrivals and backlog need more than the floor.
    for_the_demand,
    # Nothing arrives or waits, but not for long enough to be idle.
    floor_until_idle,
    # One consumer per partitionsPerConsumer.max partitions. This one always applies.
    floor_while_orders_arrive,
)
