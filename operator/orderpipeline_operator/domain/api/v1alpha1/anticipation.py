"""What is known in advance: bounds that apply at certain times, and a forecast of the arrivals."""

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.base import DnsName, Duration, Model, rule, rules


class ScheduleSpec(Model):
    """Narrower bounds that apply at certain times. Between `min` and `max` the lag still decides."""

    model_config = rules(
        rule("has(self.min) || has(self.max)", "needs min or max, or both; set what shall hold at that time", ".min"),
        rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            "must not exceed max; lower it or raise max",
            ".min",
        ),
    )

    name: DnsName = Field(description="Name by which decisions refer to it.")
    start: str = Field(
        description="When it starts, in cron format: minute, hour, day of month, month, day of week ('0 8 * * 1-5').",
        min_length=9,
        max_length=100,
    )
    duration: Duration = Field(description="How long it applies after each start.")
    time_zone: str = Field(
        "Etc/UTC",
        description="IANA time zone of start, such as Europe/Berlin; daylight-saving changes are taken into account.",
        min_length=1,
        max_length=64,
    )
    min: int | None = Field(
        None, ge=0, le=10000, description="Minimum number of consumers, within autoscaling.min and max."
    )
    max: int | None = Field(
        None, ge=1, le=10000, description="Maximum number of consumers, within autoscaling.min and max."
    )


class ForecastSpec(Model):
    """Adds consumers before the orders of a recurring peak arrive; it never removes any."""

    season: Duration = Field("1d", description="Period after which the arrivals repeat: 1d or 7d.")
    ahead: Duration = Field(
        "5m", description="How far to look ahead: the time that new consumers need to become useful."
    )
