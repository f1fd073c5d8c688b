"""Alerts on the scaling and on the pipeline as a whole."""

from typing import Final

from orderpipeline_common.contract import Metric
from orderpipeline_operator.domain.api.v1alpha1 import AlertsSpec
from orderpipeline_operator.domain.manifests.alert import BY, Alert, Samples
from orderpipeline_operator.domain.units.durations import seconds_text

READY: Final = 'condition="Ready"'


def alerts_of_scaling(samples: Samples, limits: AlertsSpec) -> tuple[Alert, ...]:
    """The alerts, the most urgent first."""
    return (
        _not_ready(samples, limits),
        _unobserved(samples, limits),
        _held(samples, limits),
        _at_maximum(samples, limits),
        _without_effect(samples, limits),
        _certificate(samples, limits),
    )


def _not_ready(samples: Samples, limits: AlertsSpec) -> Alert:
    ready = samples(Metric.CONDITION, READY)
    return Alert(
        "OrderPipelineNotReady",
        "critical",
        f"max {BY} ({ready}) == 0",
        limits.not_ready_for,
        f"The pipeline has not been Ready for {limits.not_ready_for}",
        f"The condition Ready has been False for {limits.not_ready_for}. Its message says which part is missing and"
        " what to do.",
    )


def _unobserved(samples: Samples, limits: AlertsSpec) -> Alert:
    return Alert(
        "OrderPipelineUnobserved",
        "warning",
        f"absent({samples(Metric.CONDITION, READY)})",
        limits.not_ready_for,
        f"The operator has told nothing of the pipeline for {limits.not_ready_for}",
        f"There has been no sample of the pipeline's state for {limits.not_ready_for}: no operator leads, or Prometheus"
        " does not scrape it. Until then lag, scaling and readiness are unknown, and no other alert on them can fire.",
    )


def _held(samples: Samples, limits: AlertsSpec) -> Alert:
    held = samples(Metric.SCALING_REASON, 'reason=~"Unknown|Rebalancing|ClockStep"')
    return Alert(
        "OrderPipelineScalingHeld",
        "warning",
        f"max {BY} ({held}) == 1",
        limits.held_for,
        f"The number of consumers has been held for {limits.held_for}",
        f"Scaling has kept the present number of consumers for {limits.held_for}, since the lag cannot be read or the"
        " group keeps rebalancing.",
    )


def _at_maximum(samples: Samples, limits: AlertsSpec) -> Alert:
    reached = samples(Metric.SCALING_REASON, 'reason="AtMaximum"')
    maximum = f"max {BY} ({samples(Metric.SCALING_MAXIMUM)})"
    return Alert(
        "OrderPipelineAtMaximum",
        "warning",
        f"{maximum} and max {BY} ({reached}) == 1",
        limits.held_for,
        f"More consumers are needed than allowed, for {limits.held_for}",
        f"The orders have needed more than the maximum of {{{{ $value }}}} consumers for {limits.held_for}.",
    )


def _without_effect(samples: Samples, limits: AlertsSpec) -> Alert:
    reasons = samples(Metric.SCALING_REASON, 'reason=~"Ineffective|Skewed"')
    lag = f"max {BY} ({samples(Metric.LAG_ORDERS)})"
    return Alert(
        "OrderPipelineScalingWithoutEffect",
        "warning",
        f"{lag} and max {BY} ({reasons}) == 1",
        limits.held_for,
        f"More consumers would not help, for {limits.held_for}",
        f"{{{{ $value | humanize }}}} orders wait, and for {limits.held_for} scaling has found that more consumers do"
        " not help: they brought no throughput (Ineffective), or one partition has more than one consumer can do"
        " (Skewed).",
    )


def _certificate(samples: Samples, limits: AlertsSpec) -> Alert:
    expiry = f"max by (namespace, pipeline, secret) ({samples(Metric.CERTIFICATE_EXPIRY)})"
    return Alert(
        "OrderPipelineCertificateExpiry",
        "warning",
        f"{expiry} - time() < {seconds_text(limits.certificate_expiry)}",
        "1h",
        "Kafka's CA certificate expires soon",
        "The last CA certificate in Secret {{ $labels.secret }} expires in {{ $value | humanizeDuration }}; the"
        f" threshold is {limits.certificate_expiry}. After that, nothing can connect to Kafka.",
    )
