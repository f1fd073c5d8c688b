"""The words of a decision: one sentence with the arithmetic that led to the number."""

from collections.abc import Mapping

from orderpipeline_operator.domain.lag.sample import LagSample
from orderpipeline_operator.domain.scaling.model import Number, Reason, ScalingPolicy


def words(
    reason: Reason, numbers: Mapping[str, Number], policy: ScalingPolicy, sample: LagSample,
    hot: tuple[tuple[int, float], ...], quiet_for: float | None,
) -> str:  # fmt: skip
    """Why `numbers["wanted"]` consumers are wanted. `hot` are partitions and what each asks for, in orders/s."""
    text = f"{numbers['wanted']} consumers: {_why(reason, numbers, policy, hot, quiet_for)}"
    if sample.stuck:
        names = ", ".join(map(str, sample.stuck[:3]))
        text += f" Nothing of partition {names} is processed: look at what its consumer does."
    return text


def _why(
    reason: Reason, numbers: Mapping[str, Number], policy: ScalingPolicy,
    hot: tuple[tuple[int, float], ...], quiet_for: float | None,
) -> str:  # fmt: skip
    n = {k: f"{v:.1f}" if isinstance(v, float) else str(v) for k, v in numbers.items()}
    needed = n["needed"] if numbers.get("asked") is None else n["asked"]
    sums = (
        f"{n['arrivalRate']} orders/s arrive and {n['lag']} wait, to be worked off in {policy.target_catch_up:g} s: "
        f"{n['demand']} orders/s at {n['ratePerConsumer']} per consumer ({n['rateIs']}) need {needed}"
    )
    if numbers.get("uneven") is not None:
        sums += f", and {n['uneven']} so that no consumer is to expect more than it does, as partitions differ"
        if int(numbers["wanted"] or 0) < int(numbers["uneven"] or 0):
            sums += " (but none is behind)"
    elif numbers.get("least") is not None:
        sums += f", and {n['least']} as fewer were too few a while ago"
    elif numbers.get("spared") is not None:
        sums += f", and {n['spared']} with something to spare"
    hottest = ", ".join(f"{number} ({asked:.1f} orders/s)" for number, asked in hot[:3])
    ahead = policy.forecast.ahead if policy.forecast else 0.0
    told: dict[str, str] = {
        "Idle": f"no orders arrived and none wait for {quiet_for or 0:.0f} s.",
        "Quiet": f"no orders arrive or wait, but idle only after {policy.idle_after:g} s.",
        "Forecast": f"{n['foretoldRate']} orders/s are foretold for the next {ahead:g} s; now {sums}.",
        "Ineffective": f"{sums}, but more than {n['ceiling']} brought no throughput.",
        "Skewed": f"{sums}, but partition {hottest} asks for more than one consumer does, and more consumers do not "
        "help there: spread its customers over more keys, or raise consumer.workers.",
        "Spare": f"{sums}. {_spare(numbers)}",
        "AtMaximum": f"{sums}, more than the maximum of {n['maximum']} allows.",
        "Steady": f"one per {policy.per_consumer_max} of {n['partitions']} partitions while orders arrive; {sums}.",
    }
    if reason not in told and int(numbers["wanted"] or 0) < int(numbers["needed"] or 0):
        return f"{sums}; the little that is missing is made up for later, as the next even spread takes far more."
    return told.get(reason, f"{sums}, rounded up to spread {n['partitions']} partitions evenly.")


def _spare(numbers: Mapping[str, Number]) -> str:
    if numbers.get("spare") is None:
        return "The partitions differ or do not spread evenly over so many, but nobody has more to do than he can."
    return f"The {numbers['spare']} with least to do can go: whoever gets their partitions can do them beside his own."
