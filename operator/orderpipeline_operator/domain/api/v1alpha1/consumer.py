"""The consumers' part of the spec."""

from typing import Literal

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.base import (
    Duration,
    Image,
    Model,
    Placement,
    Resources,
    SecretKey,
    TopicName,
    rule,
    rules,
)
from orderpipeline_operator.domain.api.v1alpha1.pod_template import PodTemplate
from orderpipeline_operator.domain.api.v1alpha1.producer import Quotas


class Sink(Model):
    """Where orders go when no handler is set."""

    model_config = rules(
        rule("self.type != 'http' || has(self.url)", "is needed with type http: where are batches posted?", ".url"),
        rule(
            "self.type != 'postgres' || has(self.dsnSecret)",
            "is needed with type postgres: name the Secret and the key that holds the connection string",
            ".dsnSecret",
        ),
    )

    type: Literal["log", "http", "postgres"] = Field(
        "log",
        description="log prints a sample of the orders; http posts batches to url; postgres inserts orders and offsets"
        " in one transaction.",
    )
    log_every: int = Field(
        1000,
        ge=1,
        le=1000000000,
        description="With log: after the first 10 orders of a second, each pod prints one of so many; 1 prints all.",
    )
    url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/]+",
        max_length=2048,
        description="With http: the URL that batches are posted to.",
    )
    dsn_secret: SecretKey | None = Field(
        None, description="With postgres: the Secret key that holds the connection string."
    )
    table: str = Field(
        "orders",
        pattern=r"^[a-z_][a-z0-9_]{0,62}$",
        max_length=63,
        description="With postgres: the table; created if it does not exist.",
    )
    timeout: Duration = Field("10s", description="Maximum time for one batch.")


class DeadLetter(Model):
    """Where orders that keep failing go."""

    model_config = rules(
        rule(
            "self.partitions >= oldSelf.partitions",
            "cannot shrink: Kafka never removes partitions; put back the former number or a larger one",
            ".partitions",
        ),
    )

    enabled: bool = Field(
        True, description="When false, a failing order is retried until it succeeds, and holds up its partition."
    )
    topic: TopicName | None = Field(
        None, description="Topic name; defaults to the name of the orders topic with .dead-letter appended."
    )
    partitions: int = Field(
        3, ge=1, le=10000, description="Partitions of the dead-letter topic; they can grow but never shrink."
    )
    retention: Duration = Field("30d", description="How long dead letters are kept.")
    attempts: int = Field(5, ge=1, le=100, description="Attempts before an order becomes a dead letter.")
    backoff: Duration = Field(
        "200ms", description="Delay before the second attempt; doubles with each further one, up to 30 s."
    )


class ConsumerSpec(Model):
    """The consumers of the orders."""

    model_config = rules(
        rule(
            "has(self.group) == has(oldSelf.group) && (!has(self.group) || self.group == oldSelf.group)",
            "cannot change: a new group starts from offsetReset and works orders again or skips them;"
            " put back the former value",
            ".group",
        ),
    )

    image: Image | None = Field(
        None, description="Container image: your own if you set handler; the operator's default when absent."
    )
    accelerator: bool = Field(
        True,
        description="Use the compiled accelerator if the image has it; false uses Python alone. The pods' metric"
        " orderpipeline_build_info says which engine runs.",
    )
    group: TopicName | None = Field(None, description="Consumer group; defaults to the pipeline's name. Cannot change.")
    workers: int = Field(
        10, ge=1, le=1000, description="Orders of different customers processed concurrently, per pod."
    )
    batch_size: int = Field(
        100,
        ge=1,
        le=100000,
        description="Orders fetched and committed at a time. The postgres sink stores up to 5000 at a time.",
    )
    offset_reset: Literal["earliest", "latest"] = Field(
        "earliest",
        description="Where the group begins at its first start; latest skips orders from before the pipeline was"
        " created. Partitions added later are read from their beginning.",
    )
    handler: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$",
        max_length=253,
        description="Your handler in the image, as `module:callable`; takes precedence over sink.",
    )
    sink: Sink = Field(Sink(), description="Where orders go when no handler is set.")
    dead_letter: DeadLetter = Field(DeadLetter(), description="What happens to orders that keep failing.")
    quotas: Quotas = Field(Quotas(), description="Kafka client quotas of the consumer's user.")
    resources: Resources = Field(
        Resources(requests={"cpu": "250m", "memory": "128Mi"}, limits={"memory": "512Mi"}),
        description="CPU and memory of each pod.",
    )
    placement: Placement = Field(Placement(), description="How the pods are spread and protected from disruption.")
    grace_period: Duration = Field("60s", description="Time that a stopping pod has to finish and commit its orders.")
    template: PodTemplate | None = Field(
        None, description="What to add to the pods, in the shape of Kubernetes' PodTemplateSpec."
    )
