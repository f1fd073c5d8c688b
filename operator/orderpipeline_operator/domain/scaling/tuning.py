"""All constants that the scaling is tuned by, in one value, so that a simulation can vary them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HoltWinters:
    """Weights of the forecast: of the newest error in level, trend and season; `damping` is what is left of the trend
    after a slot. A sample speaks for `max_sample_seconds` at most: what was not sampled is not known, and not zero."""

    level: float = 0.3
    trend: float = 0.1
    season: float = 0.3
    damping: float = 0.9
    max_sample_seconds: float = 300.0


HOLT_WINTERS = HoltWinters()


@dataclass(frozen=True, slots=True)
class Tuning:
    """Constants of the decision. Names end in their unit; what has none is a ratio or a count."""

    # --- activity and group
    steady_samples: int = 3
    """Samples in a row with orders that make arrivals steady."""
    settle_seconds: float = 30.0
    """Time after which the smoothed rates describe the present number of members."""
    overload_settle_seconds: float = 60.0
    """Time after which an overloaded member is due to the way partitions are shared out, not to the change before."""
    rebalance_hold_seconds: float = 120.0
    """How long a rebalancing group holds the decision; a group that never settles must not hold it for ever."""

    # --- what counts as a backlog
    backlog_polls: float = 2.0
    """A consumer is busy when more waits for it than it processes in so many poll intervals."""
    partition_backlog_seconds: float = 5.0
    """Seconds of a consumer's work that must wait in a partition for it to be looked at by itself: where hardly an
    order arrives, a single one that waits says nothing."""
    scale_up_lead_seconds: float = 30.0
    """From a decision until more consumers help: the HPA's look, a pod's start and the rebalance."""
    tolerated_lag_ratio: float = 0.25
    """Share of targetCatchUp by which a consumer may lag before uneven partitions are a reason for more consumers."""
    urgent_lag_ratio: float = 0.9
    """Share of targetCatchUp by which a consumer may lag, by the time that more could help it, before they come."""

    # --- the rate of one consumer
    assumed_rate_per_worker: float = 10.0
    """Orders per second that one worker is assumed to handle until it was measured: 100 ms for an order. A guess on the
    slow side, so that the first reaction errs toward more consumers; it never goes past the maximum."""
    rate_fall_seconds: float = 60.0
    """Time constant of the measured rate downward: pauses and an uneven spread make consumers look slow."""
    rate_rise_seconds: float = 15.0
    """Time constant upward: hardly anything makes consumers look fast."""
    rate_rising_ratio: float = 1.05
    """A first rate that exceeds the one before by more than this still rises, and is not yet the consumer's rate."""

    # --- from a demand to a number of consumers
    overload_tolerance: float = 1.1
    """Demand per unit of capacity that is accepted before the next even step: it may be twice as many consumers, and
    the backlog is cleared a little later instead."""
    max_utilization: float = 0.95
    """Share of the capacity that arrivals may take, or a backlog would never be cleared. For the same reason fewer
    consumers must have a demand of no more than this share."""
    uneven_deviations: float = 2.0
    """Standard deviations above the mean at which the busiest of a dozen consumers is to be expected."""
    min_spare_ratio: float = 0.1
    """Share of the consumers that must be spare for some of them to go: each time partitions change hands."""
    wake_ratio: float = 0.5
    """Share of one consumer's work that a forecast must expect to wake a pipeline at zero."""

    # --- scale-ups that do not help
    trial_gain_ratio: float = 1.1
    """Throughput over that before a scale-up from which on it helped; a small scale-up must show half of itself."""
    trial_max_seconds: float = 120.0
    """After this a scale-up whose consumers never joined proves nothing."""
    ceiling_lifted_ratio: float = 1.25
    """Throughput over that under the ceiling at which the bottleneck is gone."""
    ceiling_seconds: float = 600.0
    """How long a scale-up that did not help is not repeated, the first time; twice as long each further time."""
    max_ceiling_seconds: float = 4 * 3600.0

    # --- scale-downs that had to be reverted
    probation_seconds: float = 600.0
    """A scale-down that lasted this long was right. One that was reverted is not repeated for as long, the first time;
    twice as long each further time."""
    max_backoff_seconds: float = 4 * 3600.0
    backoff_factor: float = 2.0
    """How much longer the next scale-down waits once a load was back soon after one."""
    uneven_backoff_factor: float = 4.0
    """The same where the reverted number was not an even step: it depends on what single partitions receive."""
    same_load_ratio: float = 1.1
    """Two loads are the same while one is no more than this many times the other."""

    forecast: HoltWinters = HOLT_WINTERS


TUNING = Tuning()
"""The constants that the operator uses."""
