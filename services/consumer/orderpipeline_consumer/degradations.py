"""What is holding up orders at the moment, for readiness and metrics."""

import logging

from orderpipeline_consumer.metrics import Metrics

log = logging.getLogger(__name__)


class Degradations:
    """Components that fail (sink, dead-letter, commit), with reasons. Each change is logged once, not each failed
    attempt. Belongs to the event loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._reasons: dict[str, str] = {}

    def set(self, component: str, reason: str) -> None:
        """The component is failing."""
        if component not in self._reasons:
            log.warning("%s unavailable, processing paused: %s", component, reason)
        self._reasons[component] = reason
        self._metrics.degraded.labels(component).set(1)

    def clear(self, component: str) -> None:
        """The component works."""
        if self._reasons.pop(component, None) is not None:
            log.info("%s recovered", component)
            self._metrics.degraded.labels(component).set(0)

    def summary(self) -> str:
        """All failing components with their reasons, or an empty string."""
        return "; ".join(f"{component}: {reason}" for component, reason in self._reasons.items())
