"""What a run has counted so far. Orders of which nothing is known are neither taken nor refused."""

from dataclasses import dataclass, field

from orderpipeline_embedded.load.histogram import Histogram

QUANTILES = (0.5, 0.75, 0.9, 0.99, 0.999, 0.9999)


@dataclass
class Tally:
    """Orders by what became of them, replies by status, and the time from (intended) sending to reply."""

    sent: int = 0
    taken: int = 0
    refused: int = 0
    unknown: int = 0
    """Orders whose request got no reply: they may be in the log."""
    unsent: int = 0
    """Orders of an open loop that were due and for which there was no free connection until the end."""
    statuses: dict[int, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    latency: Histogram = field(default_factory=Histogram)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def reply(self, status: int, orders: int, taken: int, took: int) -> None:
        """Count one reply, which came after `took` nanoseconds."""
        self.taken += taken
        self.refused += orders - taken
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latency.record(took)

    def lost(self, orders: int, why: str) -> None:
        """Count a request that got no reply."""
        self.unknown += orders
        self.errors[why] = self.errors.get(why, 0) + 1

    @property
    def clean(self) -> bool:
        """Whether every order was taken."""
        return self.taken > 0 and not (self.refused or self.unknown or self.unsent)

    def latencies(self) -> dict[str, float | None]:
        """Quantiles by name (`p99.9`), in milliseconds; None when there was no reply."""
        return {f"p{share * 100:g}": self.latency.milliseconds(share) for share in (*QUANTILES, 1.0)}

    def summary(self) -> dict[str, object]:
        """All of it for JSON. Latencies are milliseconds, null when there was no reply."""
        rate = self.taken / self.seconds if self.seconds else 0.0
        return {
            "orders_sent": self.sent,
            "orders_accepted": self.taken,
            "orders_refused": self.refused,
            "orders_unknown": self.unknown,
            "orders_unsent": self.unsent,
            "seconds": round(self.seconds, 3),
            "orders_per_s": round(rate, 1),
            "cpu_us_per_order": round(self.cpu_seconds / self.sent * 1e6, 4) if self.sent else None,
            "requests": self.latency.total,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "errors": self.errors,
            "latency_ms": self.latencies(),
        }
