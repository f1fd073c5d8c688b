"""What holds orders up at the moment, for readiness and metrics."""

import logging

from orderpipeline_consumer.metrics import Metrics

log = logging.getLogger(__name__)


class Troubles:
    """Named troubles that come and go; each change is logged once, not each failed attempt."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._current: dict[str, str] = {}

    def set(self, what: str, reason: str) -> None:
        """`what` (sink, dead-letter, commit) is failing because of `reason`."""
        if what not in self._current:
            log.warning("%s is in trouble, orders wait: %s", what, reason)
        self._current[what] = reason
        self._metrics.troubled.labels(what).set(1)

    def clear(self, what: str) -> None:
        """`what` works again."""
        if self._current.pop(what, None) is not None:
            log.info("%s works again", what)
            self._metrics.troubled.labels(what).set(0)

    def text(self) -> str:
        """All troubles with their reasons, or an empty string."""
        return "; ".join(f"{what}: {reason}" for what, reason in self._current.items())
