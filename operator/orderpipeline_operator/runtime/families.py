"""The declarations of the operator's metrics: of itself, and of each pipeline."""

from typing import Final

from orderpipeline_common.contract import Metric
from orderpipeline_common.metric_family import Family, build_info
from orderpipeline_operator.domain.lag.busiest import SHOWN

PIPELINE: Final = ("namespace", "pipeline")
PARTITION: Final = (*PIPELINE, "partition")
RATE: Final = "orders per second"

BUILD_INFO: Final = build_info()
RECONCILES: Final = Family(
    Metric.RECONCILES, "counter", "Passes over a pipeline, by result: ok or error.", "passes", ("result",)
)
RECONCILE_SECONDS: Final = Family(Metric.RECONCILE_SECONDS, "histogram", "Duration of a pass.", "seconds")
QUEUE_LENGTH: Final = Family(Metric.QUEUE_LENGTH, "gauge", "Pipelines that wait or are worked on.", "pipelines")
QUEUE_AGE: Final = Family(
    Metric.QUEUE_AGE_SECONDS,
    "gauge",
    "How long the pipeline that waits longest has been due; 0 while none is.",
    "seconds",
)
LEADER: Final = Family(Metric.LEADER, "gauge", "1 while this process leads, else 0.", "")
NAMESPACE_WATCHED: Final = Family(
    Metric.NAMESPACE_WATCHED,
    "gauge",
    "1 while the pipelines of the namespace are watched, else 0; without a name: those of the whole cluster.",
    "",
    ("namespace",),
)
OF_THE_PROCESS: Final = (
    BUILD_INFO, RECONCILES, RECONCILE_SECONDS, QUEUE_LENGTH, QUEUE_AGE, LEADER, NAMESPACE_WATCHED,
)  # fmt: skip

CONDITION: Final = Family(
    Metric.CONDITION,
    "gauge",
    "Conditions of the pipeline's status: 1 True, 0 False; no sample while one is Unknown or the pipeline is deleted.",
    "",
    (*PIPELINE, "condition"),
)
CERTIFICATE_EXPIRY: Final = Family(
    Metric.CERTIFICATE_EXPIRY,
    "gauge",
    "When the last of the CA certificates in the Secret by which the pipeline trusts Kafka expires.",
    "Unix seconds",
    (*PIPELINE, "secret"),
)
LAG_ORDERS: Final = Family(Metric.LAG_ORDERS, "gauge", "Orders in the topic and not yet committed.", "orders", PIPELINE)
LAG_SECONDS: Final = Family(
    Metric.LAG_SECONDS, "gauge", "Age of the oldest order not yet committed; 0 while there are none.", "seconds",
    PIPELINE,
)  # fmt: skip
DESIRED_CONSUMERS: Final = Family(
    Metric.DESIRED_CONSUMERS, "gauge", "Consumers by the last decision.", "consumers", PIPELINE
)
_PARTITIONS: Final = f" Of the {SHOWN} partitions with the longest lag, or of all: `monitoring.partitions`."
PARTITION_LAG_ORDERS: Final = Family(
    Metric.PARTITION_LAG_ORDERS, "gauge", f"Orders of one partition not yet committed.{_PARTITIONS}", "orders",
    PARTITION,
)  # fmt: skip
PARTITION_LAG_SECONDS: Final = Family(
    Metric.PARTITION_LAG_SECONDS, "gauge", f"Age of the oldest of them.{_PARTITIONS}", "seconds", PARTITION
)
PARTITION_ARRIVAL_RATE: Final = Family(
    Metric.PARTITION_ARRIVAL_RATE, "gauge", f"Orders that arrive in one partition, smoothed.{_PARTITIONS}", RATE,
    PARTITION,
)  # fmt: skip


def _number(name: str, meaning: str, unit: str) -> Family:
    return Family(name, "gauge", meaning, unit, PIPELINE)


NUMBERS: Final = {
    "arrivalRate": _number(Metric.SCALING_ARRIVAL_RATE, "Orders that arrive, smoothed.", RATE),
    "processedRate": _number(Metric.SCALING_PROCESSED_RATE, "Orders that are committed, smoothed.", RATE),
    "ratePerConsumer": _number(Metric.SCALING_RATE_PER_CONSUMER, "What one consumer does.", RATE),
    "demand": _number(Metric.SCALING_DEMAND, "What has to be done to catch up in time.", RATE),
    "needed": _number(
        Metric.SCALING_NEEDED, "Consumers that the demand needs, before rounding and bounds.", "consumers"
    ),
    "wanted": _number(
        Metric.SCALING_WANTED, "Consumers that the sample asks for, before waiting and holding.", "consumers"
    ),
    "floor": _number(Metric.SCALING_FLOOR, "Consumers that a steady flow keeps.", "consumers"),
    "minimum": _number(Metric.SCALING_MINIMUM, "Fewest consumers allowed now.", "consumers"),
    "maximum": _number(Metric.SCALING_MAXIMUM, "Most consumers allowed now.", "consumers"),
    "ceiling": _number(
        Metric.SCALING_CEILING, "Consumers beyond which more did not help; no sample while none is known.", "consumers"
    ),
    "members": _number(Metric.SCALING_MEMBERS, "Members of the consumer group.", "members"),
    "foretoldRate": _number(Metric.SCALING_FORETOLD_RATE, "Orders that the forecast expects.", RATE),
    "hotDemand": _number(Metric.SCALING_HOT_DEMAND, "What the hottest partition asks for.", RATE),
}
"""The numbers behind the last decision, by their names in the status; one without a say in it has no sample."""
SCALING_REASON: Final = Family(
    Metric.SCALING_REASON, "gauge", "1 for the reason of the last decision.", "", (*PIPELINE, "reason")
)
SCALING_DECISIONS: Final = Family(
    Metric.SCALING_DECISIONS, "counter", "Decisions, by reason; one with each sample.", "decisions",
    (*PIPELINE, "reason"),
)  # fmt: skip
OF_PIPELINES: Final = (
    CONDITION, CERTIFICATE_EXPIRY, LAG_ORDERS, LAG_SECONDS, DESIRED_CONSUMERS, PARTITION_LAG_ORDERS,
    PARTITION_LAG_SECONDS, PARTITION_ARRIVAL_RATE, *NUMBERS.values(), SCALING_REASON, SCALING_DECISIONS,
)  # fmt: skip
"""Exported by the leader alone."""
FAMILIES: Final = (*OF_THE_PROCESS, *OF_PIPELINES)
"""All that the operator exports."""
