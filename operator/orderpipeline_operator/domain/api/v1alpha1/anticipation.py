"""What is known beforehand: bounds that hold at times, and a forecast of what arrives."""

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.base import DnsName, Duration, Model, rule, rules


class ScheduleSpec(Model):
    """Narrower bounds that hold at times. Between `min` and `max` the lag goes on deciding."""

    model_config = rules(
        rule("has(self.min) || has(self.max)", "needs min or max, or both; set what shall hold at that time", ".min"),
        rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            "must not exceed max; lower it or raise max",
            ".min",
        ),
    )

    name: DnsName = Field(description="Name by which decisions tell of it.")
    start: str = Field(
        description="When it begins: minute, hour, day of month, month, day of week, as in cron ('0 8 * * 1-5').",
        min_length=9,
        max_length=100,
    )
    duration: Duration = Field(description="How long it holds from each start.")
    time_zone: str = Field(
        "Etc/UTC",
        description="IANA time zone of start, such as Europe/Berlin; clock changes are taken into account.",
        min_length=1,
        max_length=64,
    )
    min: int | None = Field(None, ge=0, le=10000, description="Consumers at least, within autoscaling.min and max.")
    max: int | None = Field(None, ge=1, le=10000, description="Consumers at most, within autoscaling.min and max.")


class ForecastSpec(Model):
    """Consumers are added before the orders come that each season brings. It only ever adds."""

    season: Duration = Field("1d", description="After what time the arrivals repeat: 1d or 7d.")
    ahead: Duration = Field("5m", description="How far to look ahead: the time that consumers need to be of use.")
