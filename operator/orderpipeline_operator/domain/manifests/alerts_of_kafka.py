"""Alerts on the brokers, from what Kafka exports through Strimzi's Metrics Reporter.

Families that have a sample for all topics beside one per topic are not used in a sum, which would count twice, nor are
summaries, whose quantiles cannot be combined.
"""

from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import AlertsSpec
from orderpipeline_operator.domain.manifests.alert import BY, Alert, Samples
from orderpipeline_operator.domain.units.percent import decimal, share

IDLE: Final = "kafka_network_socketserver_networkprocessoravgidlepercent"
"""A share of 1, despite its name."""
UNDER_REPLICATED: Final = "kafka_server_replicamanager_underreplicatedpartitions"
"""Counted by each partition's leader, so that the sum over the brokers counts each once."""
UNDER_MIN_ISR: Final = "kafka_server_replicamanager_underminisrpartitioncount"


def alerts_of_kafka(samples: Samples, limits: AlertsSpec) -> tuple[Alert, ...]:
    """The alerts, the most urgent first."""
    return (
        Alert(
            "OrderPipelineUnderMinIsr",
            "critical",
            f"sum {BY} ({samples(UNDER_MIN_ISR)}) > 0",
            "2m",
            "Kafka refuses orders of some partitions, which have too few copies",
            "{{ $value }} partitions have fewer copies in sync than kafka.minInSyncReplicas asks for.",
        ),
        Alert(
            "OrderPipelineUnderReplicated",
            "warning",
            f"sum {BY} ({samples(UNDER_REPLICATED)}) > {limits.under_replicated}",
            "10m",
            "Partitions have lacked a copy for ten minutes",
            "{{ $value }} partitions have fewer copies in sync than they should have; the threshold is"
            f" {limits.under_replicated}.",
        ),
        Alert(
            "OrderPipelineNetworkBusy",
            "warning",
            f"1 - min {BY} (avg_over_time({samples(IDLE)}[5m])) > {decimal(share(limits.network_busy))}",
            "10m",
            f"A broker's network threads work for more than {limits.network_busy} of the time",
            "The network threads of the busiest broker worked for {{ $value | humanizePercentage }} of the time over 5"
            f" minutes; the threshold is {limits.network_busy}.",
        ),
    )
