"""Numbers of consumers over which partitions spread evenly. Pure arithmetic."""

from functools import lru_cache

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds


def step(partitions: int, per_consumer: int) -> int:
    """Fewest consumers of which none has more than `per_consumer` partitions."""
    return -(-partitions // per_consumer)


@lru_cache(maxsize=64)
def steps(partitions: int) -> tuple[int, ...]:
    """All steps for 1..P partitions per consumer, ascending.

    A number between two steps is waste: its busiest consumer has as many partitions as that of the step below it.
    """
    return tuple(sorted({step(partitions, k) for k in range(1, partitions + 1)}))


def round_up(wanted: int, partitions: int, bounds: ConsumerBounds) -> int:
    """The smallest step within the bounds that is at least `wanted`; the largest when none is. 0 stays 0 if allowed.

    Where the bounds leave no step at all, the nearest bound.
    """
    goal = bounds.clamp(wanted)
    if goal == 0:
        return 0
    allowed = [s for s in steps(partitions) if bounds.minimum <= s <= bounds.maximum]
    return next((s for s in allowed if s >= goal), allowed[-1] if allowed else goal)
