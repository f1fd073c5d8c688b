"""The words of a decision, from its numbers: a sentence for the status and events, and a table for people who ask."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from orderpipeline_operator.domain.lag.sample import Unknown
from orderpipeline_operator.domain.scaling import even_steps
from orderpipeline_operator.domain.scaling.facts import Facts
from orderpipeline_operator.domain.scaling.numbers import Numbers, numbers_of
from orderpipeline_operator.domain.scaling.recommendation import Reason, Recommendation
from orderpipeline_operator.domain.scaling.stabilize import Outcome
from orderpipeline_operator.domain.units.wording import counted, short

NO_GAIN = "more did not increase throughput"
TOO_FEW = "because fewer were too few a while ago"
MARGIN = "with the margin that a scale-down must leave"
UNEVEN = "because the partitions are uneven"


def off(fixed: int | None) -> str:
    """In mode Off."""
    kept = (
        "the number of consumers is left as it is" if fixed is None else f"{counted(fixed, 'consumer')}, as specified"
    )
    return f"autoscaling.mode is Off: {kept}."


def unknown(desired: int | None, sample: Unknown) -> str:
    """Without a sample."""
    return f"Holding {_present(desired)}: {sample.reason}: {sample.message}"


def clock_set_back(desired: int | None) -> str:
    """At a time before that of the last decision."""
    return f"Holding {_present(desired)}: the clock was set back."


def message(facts: Facts, recommended: Recommendation, outcome: Outcome) -> str:
    """Why there shall be `outcome.replicas`, in a sentence or two."""
    current, bounds = facts.situation.current, facts.situation.bounds
    holding = f"Holding {counted(current, 'consumer')}"
    if outcome.reason == "Bounds":
        allowed = f"{bounds.minimum} to {bounds.maximum}{_by_schedule(facts.situation.schedules)}"
        return f"{counted(outcome.replicas, 'consumer')} at once: {current} is outside the allowed {allowed}."
    if outcome.reason == "Rebalancing":
        return f"{holding} while the group rebalances; the load calls for {recommended.replicas}."
    text = _recommendation(facts, recommended)
    if outcome.reason == "StabilizingUp":
        return f"{holding}: more recommended for {outcome.waited:.0f} of {outcome.wait:g} s. {text}"
    if outcome.reason == "StabilizingDown":
        return f"{holding}: fewer recommended for {outcome.waited:.0f} of {outcome.wait:g} s. {text}"
    if outcome.replicas not in (recommended.replicas, current):
        return f"{counted(outcome.replicas, 'consumer')} for now, until fewer are recommended for long enough. {text}"
    return text


def _recommendation(facts: Facts, recommended: Recommendation) -> str:
    numbers = numbers_of(facts, recommended)
    why = _WHY.get(recommended.reason, _rounded_up)(facts, numbers)
    text = f"{counted(recommended.replicas, 'consumer')}: {why}"
    stuck = facts.situation.sample.stuck[:3]
    if stuck:
        text += f" No order of {_partitions(map(str, stuck))} is processed: look at what the consumer does."
    return text


def _arithmetic(n: Numbers) -> str:
    arriving = "an unknown number of" if n.arrival_rate is None else f"{n.arrival_rate:.1f}"
    requested = counted((n.required if n.requested is None else n.requested) or 0, "consumer")
    each = f"{requested} at {n.rate_per_consumer or 0.0:.1f} orders/s each ({n.rate_source})"
    if n.lag:
        wait = f"{counted(n.lag, 'order')} {'waits' if n.lag == 1 else 'wait'}"
        takes = f"catching up in {short(n.target_catch_up or 0.0)} s takes {n.demand or 0.0:.1f} orders/s, or {each}"
    else:
        wait, takes = "none wait", f"that takes {each}"
    text = f"{arriving} orders/s arrive and {wait}; {takes}"
    if n.uneven is not None:
        text += f", and {n.uneven} {UNEVEN}"
        return f"{text} (but no member lags)" if (n.recommended or 0) < n.uneven else text
    if n.backoff_floor is not None:
        return f"{text}, and {n.backoff_floor} {TOO_FEW}"
    return text if n.min_for_scale_down is None else f"{text}, and {n.min_for_scale_down} {MARGIN}"


def _idle(facts: Facts, _: Numbers) -> str:
    return f"no order has arrived or waited for {facts.situation.quiet_for or 0:.0f} s."


def _quiet(facts: Facts, _: Numbers) -> str:
    return f"no order arrives or waits, but idle only after {facts.situation.policy.idle_after:g} s."


def _forecast(facts: Facts, n: Numbers) -> str:
    horizon = facts.situation.policy.forecast
    ahead = horizon.ahead if horizon else 0.0
    return f"{n.forecast_rate or 0.0:.1f} orders/s are forecast within {ahead:g} s; now {_arithmetic(n)}."


def _ineffective(_: Facts, n: Numbers) -> str:
    return f"{_arithmetic(n)}, but more than {n.ceiling} did not increase throughput."


def _skewed(facts: Facts, n: Numbers) -> str:
    hot = facts.demand.hot[:3]
    which = _partitions(f"{number} ({requested:.1f} orders/s)" for number, requested in hot)
    return (
        f"{_arithmetic(n)}, but {which} {'needs' if len(hot) == 1 else 'need'} more than one consumer can do, and more "
        "consumers cannot help: spread the customers over more keys, or raise consumer.workers."
    )


def _spare(_: Facts, n: Numbers) -> str:
    if n.spare is None:
        rest = "The partitions differ or do not spread evenly over so many, but no member is overloaded."
    elif n.spare == 1:
        rest = "The member with the least to do can go: the others have capacity for its partitions."
    else:
        rest = f"The {n.spare} members with the least to do can go: the others have capacity for their partitions."
    return f"{_arithmetic(n)}. {rest}"


def _at_maximum(_: Facts, n: Numbers) -> str:
    return f"{_arithmetic(n)}, more than the maximum of {n.maximum}."


def _steady(facts: Facts, n: Numbers) -> str:
    per = facts.situation.policy.per_consumer_max
    return f"one per {per} of {counted(n.partitions or 0, 'partition')} while orders arrive; {_arithmetic(n)}."


def _rounded_up(_: Facts, n: Numbers) -> str:
    if (n.recommended or 0) < (n.required or 0):
        return f"{_arithmetic(n)}; the small rest is made up for later, as the next even step is much larger."
    return f"{_arithmetic(n)}, rounded up to spread {counted(n.partitions or 0, 'partition')} evenly."


_WHY: Mapping[Reason, Callable[[Facts, Numbers], str]] = MappingProxyType({
    "Idle": _idle, "Quiet": _quiet, "Forecast": _forecast, "Ineffective": _ineffective, "Skewed": _skewed,
    "Spare": _spare, "AtMaximum": _at_maximum, "Steady": _steady,
})  # fmt: skip


def table(n: Numbers) -> Iterator[tuple[str, str]]:
    """The same as steps of a calculation, each with its name; those whose numbers are missing are left out."""
    if n.demand is not None:
        yield "orders arriving", f"{_or_unknown(n.arrival_rate)}/s"
        yield "orders waiting", f"{_or_unknown(n.lag)}, to be processed in {_or_unknown(n.target_catch_up)} s"
        yield "total demand", f"{short(n.demand)}/s"
        yield "one consumer", f"{_or_unknown(n.rate_per_consumer)}/s ({n.rate_source})"
        yield "consumers required", _or_unknown(n.required if n.requested is None else n.requested)
    yield from _particulars(n)
    if n.floor is not None:
        yield "floor", f"{n.floor} while orders arrive" if n.floor else "0: no order arrives"
        yield "allowed", f"{_or_unknown(n.minimum)} to {_or_unknown(n.maximum)}{_by_schedule(n.schedules)}"
    if n.recommended is not None:
        yield "recommended", f"{n.recommended}{_evenness(n.recommended, n.partitions)}"


def _particulars(n: Numbers) -> Iterator[tuple[str, str]]:
    """What only some decisions take into account."""
    if n.hot_partition is not None:
        yield (
            "hot partition",
            f"{n.hot_partition} needs {_or_unknown(n.hot_demand)}/s, more than its one consumer can do",
        )
    if n.stuck_partition is not None:
        yield "stuck partition", f"{n.stuck_partition}: none of its orders is processed"
    if n.forecast_rate is not None:
        yield "forecast", f"{short(n.forecast_rate)}/s"
    if n.ceiling is not None:
        yield "ceiling", f"{n.ceiling}: {NO_GAIN}"
    if n.requested is not None:
        yield "more can help with", f"the work of {counted(n.required or 0, 'consumer')}"
    if n.spare is not None:
        yield "spare members", f"{n.spare}: the others have capacity for their partitions"
    for number, reason in ((n.uneven, UNEVEN), (n.backoff_floor, TOO_FEW), (n.min_for_scale_down, MARGIN)):
        if number is not None:
            yield "at least", f"{number} {reason}"


def _evenness(replicas: int, partitions: int | None) -> str:
    if not replicas or not partitions:
        return ""
    even = replicas in even_steps.steps(partitions)
    return f", over which {counted(partitions, 'partition')} spread evenly" if even else ", between two even steps"


def _partitions(texts: Iterator[str]) -> str:
    given = list(texts)
    return f"partition {given[0]}" if len(given) == 1 else f"partitions {', '.join(given[:-1])} and {given[-1]}"


def _present(desired: int | None) -> str:
    return "the present number" if desired is None else counted(desired, "consumer")


def _by_schedule(names: str | None) -> str:
    return f" (schedule {names})" if names else ""


def _or_unknown(value: float | None) -> str:
    return "an unknown number" if value is None else short(value)
