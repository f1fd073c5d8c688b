"""From what is asked for to a number of consumers: a step of the ladder, or one between two where that is known to do.

Waiting and holding come after it.
"""

from dataclasses import dataclass

from orderpipeline_operator.domain.api.v1alpha1.bounds import ConsumerBounds
from orderpipeline_operator.domain.scaling import even_steps
from orderpipeline_operator.domain.scaling.model import Reason

WORTH = 0.1
"""Share of the consumers that must be to spare for some of them to go: each time partitions change hands."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Numbers of consumers. `needed`: for what more of them can serve; `enough`: the same with a step's tolerance;
    `spared`: with something to spare, to which their number may fall; `least`: fewer were too few a while ago, 0:
    nothing known of that; `uneven`: so that the busiest has not too much; `asked`: if all were evenly spread;
    `prepared`: once what is foretold arrives; `ceiling`: more than that did not help, None: nothing known of that.
    `late`: a consumer is behind, and not for one hot partition; `lone`: more comes for it than it does, and not for all
    of them together; `calm`: none has more to do than it can; `known`: it is known who owns which partition, and
    `spare` of those that there are may go, also where the rest is between two steps."""

    floor: int
    needed: int
    enough: int
    spared: int
    least: int
    uneven: int
    asked: int
    prepared: int
    ceiling: int | None
    late: bool
    lone: bool
    calm: bool
    known: bool
    spare: int


def choose(
    sums: Sums, current: int, partitions: int, bounds: ConsumerBounds, idle: bool, quiet: bool
) -> tuple[int, Reason]:
    """The number that is wanted where there are `current`, and why."""
    now = bounds.minimum if idle else _now(sums, current, partitions, bounds)
    wanted = now
    if sums.prepared > sums.needed:
        wanted = max(now, _rounded(sums, sums.prepared, current, partitions, bounds))
    if sums.ceiling is not None and wanted > max(sums.ceiling, sums.floor):
        return max(sums.ceiling, sums.floor), "Ineffective"
    if wanted > now:
        return wanted, "Forecast"
    if idle:
        return wanted, "Idle"
    if sums.asked > sums.needed and _rounded(sums, sums.asked, current, partitions, bounds) > wanted:
        return wanted, "Skewed"
    if sums.known and wanted <= current and (wanted not in even_steps.steps(partitions) or wanted < sums.uneven):
        return wanted, "Spare"
    return wanted, _plain_reason(sums, wanted, bounds, quiet)


def _now(sums: Sums, current: int, partitions: int, bounds: ConsumerBounds) -> int:
    """For what arrives and waits now."""

    def rounded(wanted: int) -> int:
        return _rounded(sums, wanted, current, partitions, bounds)

    now = rounded(max(sums.enough, sums.uneven))
    if not sums.late and now > current:  # partitions differ, but nobody is behind for that
        now = max(rounded(sums.enough), current)
    if sums.late and sums.known and (sums.lone or current not in even_steps.steps(partitions)):  # now somebody is
        now = max(now, even_steps.round_up(current + 1, partitions, bounds))
    if now < current:  # fewer, but not at the edge, nor while somebody has too much to do
        now = min(max(now, rounded(max(sums.spared, sums.least))), current) if sums.calm else current
    if now == current:
        left = max(current - sums.spare, sums.floor, sums.enough, sums.spared, sums.least)
        now = left if left <= (1 - WORTH) * current else current
    return now


def _rounded(sums: Sums, wanted: int, current: int, partitions: int, bounds: ConsumerBounds) -> int:
    """Up to the next step, or to what there is where that is less and nobody is behind."""
    asked = max(sums.floor, wanted)
    step = even_steps.round_up(asked, partitions, bounds)
    return current if sums.known and not sums.late and asked <= current < step else step


def _plain_reason(sums: Sums, wanted: int, bounds: ConsumerBounds, quiet: bool) -> Reason:
    if sums.asked > bounds.maximum:
        return "AtMaximum"
    if max(sums.needed, wanted) > sums.floor:
        return "Pressure" if sums.floor > 1 else "Demand"
    if quiet:
        return "Quiet"
    return "Steady" if sums.floor > 1 else "Demand"
