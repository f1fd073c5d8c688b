"""What a sample asks for: orders per second, and how much of that more consumers can serve."""

from dataclasses import dataclass

from orderpipeline_operator.domain import forecast
from orderpipeline_operator.domain.lag import LagSample
from orderpipeline_operator.domain.scaling_model import ScalingPolicy, ScalingState
from orderpipeline_operator.domain.scaling_observe import waiting


@dataclass(frozen=True, slots=True)
class Demand:
    """Orders per second. `useful` leaves out what single partitions ask for beyond the rate of one consumer, since a
    partition has one consumer at a time; `hot` names those partitions, the hottest first, with what each asks for.
    `arriving` is the arrival rate, `foretold` the one that the forecast expects, None when it has no say.
    """

    total: float
    useful: float
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
    hot, excess = [], 0.0
    for partition, lag, arrival, *_ in sample.loads:
        asked = arrival + lag / policy.target_catch_up
        if asked > rate:
            hot.append((partition, asked))
            excess += asked - rate
    hot.sort(key=lambda one: (-one[1], one[0]))
    foretold = None if policy.forecast is None else forecast.ahead(seen.forecast, policy.forecast, now)
    return Demand(total, max(total - excess, 0.0), tuple(hot), arriving, foretold)
