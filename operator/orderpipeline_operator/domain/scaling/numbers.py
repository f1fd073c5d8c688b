"""The numbers behind a decision, as the status has them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType
from typing import Any

from pydantic.alias_generators import to_camel

from orderpipeline_operator.domain.scaling.facts import Facts
from orderpipeline_operator.domain.scaling.recommendation import Recommendation

_NAMES = MappingProxyType({
    "rate_source": "rateIs", "required": "needed", "min_for_scale_down": "spared", "backoff_floor": "least",
    "requested": "asked", "forecast_rate": "foretoldRate", "schedules": "schedule", "recommended": "wanted",
})  # fmt: skip
"""Names in the status where they are not just the field's in camelCase; readers and metrics know them."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Rates in orders per second, times in seconds, the rest are counts; None: not known, or without a say.

    The numbers of consumers are those of `needs.Needs`; `spare` of those that there are may go. `hot_demand` is what
    the hottest partition asks for, `rate_source` where `rate_per_consumer` is from, `recommended` the number before
    stabilization and holds.
    """

    partitions: int | None = None
    lag: int | None = None
    lag_seconds: float | None = None
    arrival_rate: float | None = None
    processed_rate: float | None = None
    rate_per_consumer: float | None = None
    rate_source: str | None = None
    target_catch_up: float | None = None
    demand: float | None = None
    required: int | None = None
    uneven: int | None = None
    min_for_scale_down: int | None = None
    backoff_floor: int | None = None
    requested: int | None = None
    hot_partition: int | None = None
    hot_demand: float | None = None
    stuck_partition: int | None = None
    forecast_rate: float | None = None
    floor: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    schedules: str | None = None
    ceiling: int | None = None
    members: int | None = None
    spare: int | None = None
    recommended: int | None = None

    def to_json(self) -> dict[str, int | float | str]:
        """JSON object, rounded to three decimals, None left out."""
        found = {_name(field.name): getattr(self, field.name) for field in fields(self)}
        return {name: _rounded(value) for name, value in found.items() if value is not None}

    @classmethod
    def from_json(cls, value: object) -> "Numbers":
        """Read what `to_json` wrote. What is missing or foreign counts as not known."""
        if not isinstance(value, Mapping):
            return cls()
        given = {field.name: value.get(_name(field.name)) for field in fields(cls)}
        return cls(**{name: each for name, each in given.items() if isinstance(each, (int, float, str))})  # type: ignore[arg-type]


@cache  # camelCase takes three regular expressions
def _name(field: str) -> str:
    return _NAMES.get(field, to_camel(field))


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def numbers_of(facts: Facts, recommended: Recommendation) -> Numbers:
    """The numbers behind a recommendation; those that made no difference to it are left out."""
    situation, demand, needs = facts.situation, facts.demand, facts.needs
    sample, replicas = situation.sample, recommended.replicas
    stays = replicas == situation.current
    hot_partition, hot_demand = demand.hot[0] if demand.hot else (None, None)
    margin, floor = needs.min_for_scale_down, needs.backoff_floor
    spare = situation.current - replicas if recommended.reason == "Spare" and replicas < situation.current else None
    return Numbers(
        partitions=sample.partitions,
        lag=sample.orders,
        lag_seconds=sample.seconds,
        arrival_rate=sample.arrival_rate,
        processed_rate=sample.processed_rate,
        rate_per_consumer=situation.rate,
        rate_source=situation.rate_source,
        target_catch_up=situation.policy.target_catch_up,
        demand=demand.total,
        required=needs.required,
        uneven=needs.uneven if needs.uneven > needs.required else None,
        min_for_scale_down=margin if stays and margin > max(needs.required, needs.uneven) else None,
        backoff_floor=floor if stays and floor > max(margin, needs.uneven) else None,
        requested=needs.requested if needs.requested > needs.required else None,
        hot_partition=hot_partition,
        hot_demand=hot_demand,
        stuck_partition=sample.stuck[0] if sample.stuck else None,
        forecast_rate=demand.forecast,
        floor=needs.floor,
        minimum=situation.bounds.minimum,
        maximum=situation.bounds.maximum,
        schedules=situation.schedules or None,
        ceiling=needs.ceiling,
        members=sample.group.members,
        spare=spare,
        recommended=replicas,
    )
