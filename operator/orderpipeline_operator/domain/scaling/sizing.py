"""From needs to a number of consumers: an even step, or a number between two where that is known to suffice.

Stabilization and holds come after it.
"""

from collections.abc import Callable

from orderpipeline_operator.domain.scaling import even_steps
from orderpipeline_operator.domain.scaling.needs import Needs

Adjustment = Callable[[Needs, int], int]


def for_load(needs: Needs, min_spare_ratio: float) -> int:
    """For what arrives and waits now; members that are spare go if they are at least `min_spare_ratio` of all."""
    if needs.idle:
        return needs.bounds.minimum
    replicas = _even(needs, max(needs.required_with_tolerance, needs.uneven))
    for adjust in ADJUSTMENTS:
        replicas = adjust(needs, replicas)
    return _without_spare(needs, min_spare_ratio) if replicas == needs.current else replicas


def with_forecast(needs: Needs, for_load: int) -> int:
    """The number for the present load, or for what is forecast where that is more."""
    return for_load if needs.prepared <= needs.required else max(for_load, _even(needs, needs.prepared))


def for_all_requested(needs: Needs) -> int:
    """For the whole demand, were it evenly spread."""
    return _even(needs, needs.requested)


def is_even(needs: Needs, replicas: int) -> bool:
    """Whether the partitions spread evenly over so many."""
    return replicas in even_steps.steps(needs.partitions)


def _even(needs: Needs, wanted: int) -> int:
    """Rounded up to the next even step, or to the current number where that is less and no member lags."""
    wanted = max(needs.floor, wanted)
    step = even_steps.round_up(wanted, needs.partitions, needs.bounds)
    stays = needs.members.known and not needs.members.lagging and wanted <= needs.current < step
    return needs.current if stays else step


def _not_more_for_unevenness(needs: Needs, replicas: int) -> int:
    if needs.members.lagging or replicas <= needs.current:
        return replicas
    return max(_even(needs, needs.required_with_tolerance), needs.current)


def _more_for_a_lagging_member(needs: Needs, replicas: int) -> int:
    members = needs.members
    if members.lagging and members.known and (members.overloaded_member or not is_even(needs, needs.current)):
        return max(replicas, even_steps.round_up(needs.current + 1, needs.partitions, needs.bounds))
    return replicas


def _fewer_with_a_margin(needs: Needs, replicas: int) -> int:
    if replicas >= needs.current:
        return replicas
    if not needs.members.none_overloaded:
        return needs.current
    margin = _even(needs, max(needs.min_for_scale_down, needs.backoff_floor))
    return min(max(replicas, margin), needs.current)


ADJUSTMENTS: tuple[Adjustment, ...] = (
    # Uneven partitions are no reason for more consumers while no member lags.
    _not_more_for_unevenness,
    # They are once a member does that has too much to do, be it for a number between two even steps or for the way
    # partitions are shared out.
    _more_for_a_lagging_member,
    # Fewer consumers, but with a margin, and not while a member has too much to do.
    _fewer_with_a_margin,
)


def _without_spare(needs: Needs, min_spare_ratio: float) -> int:
    left = max(
        needs.current - needs.members.spare,
        needs.floor,
        needs.required_with_tolerance,
        needs.min_for_scale_down,
        needs.backoff_floor,
    )
    return left if left <= (1 - min_spare_ratio) * needs.current else needs.current
