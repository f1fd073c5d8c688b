"""What Prometheus learns of a pipeline, and when it raises an alarm."""

from typing import Annotated, Literal

from pydantic import Field

from orderpipeline_operator.domain.api.v1alpha1.base import Duration, Model

Percent = Annotated[str, Field(pattern=r"^([0-9]{1,2}(\.[0-9]{1,3})?|100)%$", max_length=7)]


class AlertsSpec(Model):
    """The thresholds of the alerts; docs/runbooks says of each what it means and what helps."""

    lag_orders: int = Field(100_000, ge=1, le=10**12, description="Orders not yet committed, beyond which lag alerts.")
    order_age: Duration = Field(
        "5m", description="Age up to which the oldest order that is not committed is in time; see objective."
    )
    objective: Percent = Field(
        "99.5%",
        description="Share of the time in which the oldest order shall be in time. An alert fires when what is left of"
        " it is used up too fast: in two days (critical) or in five (warning), if a month's is counted.",
    )
    throughput_drop: Percent = Field(
        "50%",
        description="How far the rate of handled orders may fall below that of the hour before, while orders wait.",
    )
    latency: Duration = Field(
        "100ms", description="Time within which 99 % of the single orders shall be answered by the order API."
    )
    error_rate: Percent = Field(
        "0.1%", description="Share of the order API's requests that may be answered with a status of 500 or above."
    )
    dead_letters: int = Field(
        0, ge=0, le=10**9, description="Dead letters in ten minutes, beyond which they alert; 0: the first one does."
    )
    held_for: Duration = Field(
        "15m", description="How long scaling may be held or restricted: lag unknown, group rebalancing, at the maximum."
    )
    not_ready_for: Duration = Field(
        "15m", description="How long the pipeline may not be Ready, and its metrics may be missing."
    )
    certificate_expiry: Duration = Field(
        "14d",
        description="Time before the CA certificate expires at which that alerts; Strimzi renews it 30 days before.",
    )
    network_busy: Percent = Field(
        "70%", description="Share of their time for which a broker's network threads may work."
    )
    under_replicated: int = Field(
        0, ge=0, le=100_000, description="Partitions that may lack a copy for ten minutes, beyond which that alerts."
    )


class MonitoringSpec(Model):
    """What Prometheus learns of a pipeline, and when it raises an alarm."""

    pod_monitors: bool = Field(
        False,
        description="Create PodMonitors, by which the Prometheus operator scrapes order API, consumers and brokers.",
    )
    rules: bool = Field(
        False,
        description="Create a PrometheusRule with alerts. They need the metrics of pods, brokers and the operator: see"
        " podMonitors, and monitoring.podMonitor of the operator's chart.",
    )
    labels: dict[str, str] = Field(
        {},
        max_length=16,
        description="Labels of the PodMonitors and the PrometheusRule, by which a Prometheus selects them.",
    )
    interval: Duration = Field("30s", description="How often the pods are scraped.")
    partitions: Literal["Top", "All"] = Field(
        "Top",
        description="Partitions that the operator's metrics show one by one: Top, the ten with the longest lag, or All,"
        " which is three series for each.",
    )
    alerts: AlertsSpec = Field(AlertsSpec(), description="The thresholds of the alerts.")
    runbooks: str = Field(
        "docs/runbooks",
        pattern=r"^[^\s{}]+$",
        max_length=512,
        description="What stands before the page's name in an alert's runbook_url: the address where your people find"
        " the folder docs/runbooks of this project.",
    )
