"""Whether a client may send orders now: its API key, its quota, and the state of Kafka."""

from collections.abc import Callable

from orderpipeline_producer.api.quota import Quota, TokenBucket
from orderpipeline_producer.metrics import Metrics
from orderpipeline_producer.web import problems
from orderpipeline_producer.web.problems import Problem

ANONYMOUS = "anonymous"
"""The name of every client when no API key is required."""


class Admission:
    """Decides on a request before its body is read.

    `identify` returns the client's name for an Authorization header or raises Problem; it is None if all clients are
    anonymous. `problem` returns why orders can't be sent to Kafka, an empty string if they can.
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
        self.open = identify is None and quota.bucket(ANONYMOUS) is None
        """Whether neither an API key nor a quota applies."""
        self.charge = quota.charge
        """Count orders of a client against its quota."""
        self._on_change: list[Callable[[], None]] = []
        quota.on_forget = self.changed

    def identify(self, authorization: str) -> str:
        """The client's name. Raises Problem 401 or 403."""
        return self._identify(authorization)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have it called as soon as an earlier `client_now` or `bucket` no longer holds."""
        self._on_change.append(callback)

    def changed(self) -> None:
        """The API keys have changed, or a client's bucket is no longer in use."""
        for callback in self._on_change:
            callback()

    def bucket(self, client: str) -> TokenBucket | None:
        """The quota of a client; None if it has none."""
        return self._quota.bucket(client)

    def check(self, client: str) -> None:
        """Raises Problem 429 or 503 if the client may not send now."""
        if seconds := self._quota.wait(client):
            self._metrics.reject(429)
            raise problems.over_quota(client, seconds)
        if reason := self.problem():
            raise problems.kafka_unreachable(reason)

    def client_now(self, authorization: str) -> str | None:
        """The client's name if its API key and its quota allow it to send now, else None. Nothing is counted."""
        try:
            client = self._identify(authorization)
        except Problem:
            return None
        return None if self._quota.wait(client) else client
