"""The demand of a sample: orders per second, and how much of that more consumers can serve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from orderpipeline_operator.domain.lag.sample import Load
from orderpipeline_operator.domain.scaling import even_steps, forecast
from orderpipeline_operator.domain.scaling.backlog import waiting
from orderpipeline_operator.domain.scaling.situation import Situation


@dataclass(frozen=True, slots=True)
class Demand:
    """Orders per second: `arriving` is the arrival rate, `total` that and the backlog over the time to catch up.

    `servable` leaves out what single partitions ask for beyond the rate of one consumer, since a partition has one
    consumer at a time; `servable_arrivals` is what of that part arrives now. `hot` are those partitions, the hottest
    first, with what each asks for. `forecast` is the expected arrival rate, None when there is none.
    """

    arriving: float
    total: float
    servable: float
    servable_arrivals: float
    hot: tuple[tuple[int, float], ...]
    forecast: float | None

    @property
    def prepared(self) -> float:
        """The servable part once what is forecast arrives; never less than without a forecast."""
        return self.servable + max((self.forecast or 0.0) - self.arriving, 0.0)


def demand_of(situation: Situation) -> Demand:
    """The demand of one sample."""
    policy, sample, rate = situation.policy, situation.sample, situation.rate
    arriving = sample.arrival_rate or 0.0
    total = arriving + waiting(sample) / policy.target_catch_up
    hot, excess, overflow = [], 0.0, 0.0
    for partition, lag, arrival, *_ in sample.loads:
        requested = arrival + lag / policy.target_catch_up
        if requested > rate:
            hot.append((partition, requested))
            excess += requested - rate
            overflow += max(arrival - rate, 0.0)
    hot.sort(key=lambda one: (-one[1], one[0]))
    return Demand(
        arriving=arriving,
        total=total,
        servable=max(total - excess, 0.0),
        servable_arrivals=max(arriving - overflow, 0.0),
        hot=tuple(hot),
        forecast=_forecast(situation),
    )


def _forecast(situation: Situation) -> float | None:
    policy = situation.policy
    if policy.forecast is None:
        return None
    return forecast.ahead(situation.learned.forecast, policy.forecast, situation.now, policy.tuning.forecast)


def step_for_uneven(loads: Sequence[Load], rate: float, deviations: float) -> int:
    """The even step from which on no consumer is to be expected to receive more than `rate`, in orders per second.

    Partitions are spread evenly by their number, and what arrives at each may differ: the busiest consumer is taken to
    be `deviations` standard deviations above the mean. Partitions that alone receive more are left out: no number of
    consumers helps them. 0 where nothing is known of the partitions.
    """
    arrivals = sorted((load.arrival_rate for load in loads if load.arrival_rate <= rate), reverse=True)
    if not arrivals:
        return 0
    known, largest = len(arrivals), [0.0, *accumulate(arrivals)]
    mean = largest[-1] / known
    deviation = math.sqrt(sum((arrival - mean) ** 2 for arrival in arrivals) / known)
    for step in even_steps.steps(len(loads)):
        each = min(even_steps.step(len(loads), step), known)
        expected = each * mean + deviations * deviation * math.sqrt(each * (1 - each / known))
        if min(expected, largest[each]) <= rate:
            return step
    return len(loads)
