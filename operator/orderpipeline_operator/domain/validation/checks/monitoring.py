"""Checks of spec.monitoring."""

import re
from collections.abc import Iterator
from typing import Final

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.kubernetes import names
from orderpipeline_operator.domain.validation.checks.problem import Problem, duration, entry

_MONITORING: Final = "spec.monitoring"
_ALERTS: Final = f"{_MONITORING}.alerts"
_NAME: Final = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY: Final = re.compile(rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_NAME}")
_VALUE: Final = re.compile(rf"({_NAME})?")


def check(spec: OrderPipelineSpec) -> Iterator[Problem]:
    """Labels, and times of scrapes and alerts."""
    monitoring = spec.monitoring
    yield from _labels(f"{_MONITORING}.labels", monitoring.labels)
    # Prometheus forgets a sample after five minutes, and the alerts' rates look back as far.
    yield from duration(f"{_MONITORING}.interval", monitoring.interval, "1s", "2m")
    alerts = monitoring.alerts
    yield from duration(f"{_ALERTS}.orderAge", alerts.order_age, "1s", "7d")
    yield from duration(f"{_ALERTS}.latency", alerts.latency, "1ms", "30s")
    yield from duration(f"{_ALERTS}.heldFor", alerts.held_for, "0s", "7d")
    yield from duration(f"{_ALERTS}.notReadyFor", alerts.not_ready_for, "0s", "7d")
    yield from duration(f"{_ALERTS}.certificateExpiry", alerts.certificate_expiry, "1h", "365d")
    if alerts.objective == "100%" or not float(alerts.objective.removesuffix("%")):
        message = "must be above 0% and below 100%: an objective without a budget cannot be missed a little; change it"
        yield Problem(f"{_ALERTS}.objective", "InvalidObjective", message)


def _labels(path: str, labels: dict[str, str]) -> Iterator[Problem]:
    ours = names.labels("", "")
    for key, value in labels.items():
        if key in ours:
            yield Problem(entry(path, key), "LabelConflict", "is set by the operator; choose another label")
        elif _KEY.fullmatch(key) is None or _VALUE.fullmatch(value) is None:
            message = "is not a label that Kubernetes accepts: 63 letters, digits, '-', '_' and '.' at most"
            yield Problem(entry(path, key), "InvalidLabel", message)
