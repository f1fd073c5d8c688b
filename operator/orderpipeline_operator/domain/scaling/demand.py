"""What a sample asks for: orders per second, and how much of that more consumers can serve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from orderpipeline_operator.domain.lag.sample import LagSample, Load
from orderpipeline_operator.domain.scaling import even_steps, forecast
from orderpipeline_operator.domain.scaling.model import ScalingPolicy, ScalingState
from orderpipeline_operator.domain.scaling.observe import waiting

DEVIATIONS = 2.0
"""How many standard deviations above the mean the busiest of some dozen consumers is to be expected."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Orders per second. `useful` leaves out what single partitions ask for beyond the rate of one consumer, since a
    partition has one consumer at a time; `flowing` is what of that part arrives now; `hot` names those partitions, the
    hottest first, with what each asks for. `arriving` is the arrival rate, `foretold` the one that the forecast
    expects, None when it has no say.
    """

    total: float
    useful: float
    flowing: float
    hot: tuple[tuple[int, float], ...]
    arriving: float
    foretold: float | None

    @property
    def prepared(self) -> float:
        """The useful part, once what is foretold arrives; never less than without a forecast."""
        return self.useful + max((self.foretold or 0.0) - self.arriving, 0.0)


def demand_of(policy: ScalingPolicy, sample: LagSample, seen: ScalingState, rate: float, now: float) -> Demand:
    """The demand of one sample, for consumers that do `rate` orders per second each."""
    arriving = sample.arrival_rate or 0.0
    total = arriving + waiting(sample) / policy.target_catch_up
    hot, excess, overflow = [], 0.0, 0.0
    for partition, lag, arrival, *_ in sample.loads:
        asked = arrival + lag / policy.target_catch_up
        if asked > rate:
            hot.append((partition, asked))
            excess += asked - rate
            overflow += max(arrival - rate, 0.0)
    hot.sort(key=lambda one: (-one[1], one[0]))
    foretold = None if policy.forecast is None else forecast.ahead(seen.forecast, policy.forecast, now)
    useful, flowing = max(total - excess, 0.0), max(arriving - overflow, 0.0)
    return Demand(total, useful, flowing, tuple(hot), arriving, foretold)


def for_uneven(loads: Sequence[Load], rate: float) -> int:
    """The step from which on no consumer is to be expected to get more than `rate`, in orders per second.

    Partitions are spread evenly by their number, and what arrives at each may differ. Those that alone get more are
    left out: no number of consumers helps them. 0 where nothing is known of the partitions.
    """
    arrivals = sorted((load.arrival_rate for load in loads if load.arrival_rate <= rate), reverse=True)
    if not arrivals:
        return 0
    known, largest = len(arrivals), [0.0, *accumulate(arrivals)]
    mean = largest[-1] / known
    deviation = math.sqrt(sum((arrival - mean) ** 2 for arrival in arrivals) / known)
    for step in even_steps.steps(len(loads)):
        each = min(even_steps.step(len(loads), step), known)
        expected = each * mean + DEVIATIONS * deviation * math.sqrt(each * (1 - each / known))
        if min(expected, largest[each]) <= rate:
            return step
    return len(loads)
