"""Who may send orders now: API keys, quotas, and whether Kafka can take any."""

from collections.abc import Callable

from orderpipeline_producer.api.quota import Quota
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem

ANONYMOUS = "anonymous"
"""The client that everybody is when no key is asked for."""


class Admission:
    """Decides on a request by its sender, before its body is read.

    `identify` gives the client's name for an Authorization header or raises Problem, None when all are anonymous;
    `problem` tells why Kafka can't take orders, empty when it can.
    """

    def __init__(
        self,
        identify: Callable[[str], str] | None,
        quota: Quota,
        problem: Callable[[], str],
        metrics: Metrics,
    ) -> None:
        self._identify = identify or (lambda authorization: ANONYMOUS)
        self._quota = quota
        self.problem = problem
        self._metrics = metrics
        self.open = identify is None and not quota.limited
        """Whether all senders are alike."""
        self.charge = quota.charge
        """Count orders that a client sent."""

    def identify(self, authorization: str) -> str:
        """The client's name. Raises Problem 401 or 403."""
        return self._identify(authorization)

    def check(self, client: str) -> None:
        """Raises Problem 429 or 503 when the client may not send now."""
        if seconds := self._quota.wait(client):
            self._metrics.reject(429)
            raise problems.over_quota(client, seconds)
        if reason := self.problem():
            raise problems.kafka_unreachable(reason)

    def sender_now(self, authorization: str) -> str | None:
        """The client's name if it may send now as far as it depends on the client; else None. Nothing is counted."""
        try:
            client = self._identify(authorization)
        except Problem:
            return None
        return None if self._quota.wait(client) else client
