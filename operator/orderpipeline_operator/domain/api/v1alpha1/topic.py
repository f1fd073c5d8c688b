"""The topic of the orders."""

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.base import Config, Duration, Model, TopicName, rule, rules


class TopicSpec(Model):
    """The topic of the orders."""

    model_config = rules(
        rule(
            "self.name == oldSelf.name",
            "cannot change: the orders already taken would stay behind in the other topic; make a new OrderPipeline",
            ".name",
        ),
        rule(
            "self.name != '.' && self.name != '..'",
            "must not be '.' or '..', which Kafka refuses; choose another name",
            ".name",
        ),
        rule(
            "self.partitions >= oldSelf.partitions",
            "cannot shrink: Kafka never removes partitions; put back the former number or a larger one",
            ".partitions",
        ),
    )

    name: TopicName = Field("orders-placed", description="Topic name; cannot change.")
    partitions: int = Field(
        12,
        ge=1,
        le=10000,
        description="Number of partitions; it can grow but never shrink. It limits how many consumers can work.",
    )
    retention: Duration = Field("7d", description="How long orders are kept in Kafka.")
    config: Config = Field({}, max_length=64, description="Additional topic settings, passed to Kafka.")
