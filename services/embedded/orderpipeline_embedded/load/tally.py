"""What a run has counted so far. Orders without a reply are neither accepted nor refused."""

from dataclasses import dataclass, field

from orderpipeline_embedded.load.histogram import Histogram

QUANTILES = (0.5, 0.75, 0.9, 0.99, 0.999, 0.9999)


@dataclass
class Tally:
    """Orders by outcome, replies by status, and the time from when a request was due to its reply."""

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    unknown: int = 0
    """Orders whose request got no reply; they may be in the log."""
    unsent: int = 0
    """Orders of an open loop that were due but never got a free connection; of a closed one that was given up, those
    of the next request."""
    statuses: dict[int, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    latency: Histogram = field(default_factory=Histogram)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def reply(self, status: int, orders: int, accepted: int, nanoseconds: int) -> None:
        """Count one reply, and the time it took."""
        self.accepted += accepted
        self.refused += orders - accepted
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latency.record(nanoseconds)

    def lost(self, orders: int, why: str) -> None:
        """Count a request that got no reply."""
        self.unknown += orders
        self.errors[why] = self.errors.get(why, 0) + 1

    @property
    def clean(self) -> bool:
        """Whether every order was accepted."""
        return self.accepted > 0 and not (self.refused or self.unknown or self.unsent)

    def latencies(self) -> dict[str, float | None]:
        """Quantiles by name, such as `p99.9`, in milliseconds; None if there was no reply."""
        return {f"p{share * 100:g}": self.latency.milliseconds(share) for share in (*QUANTILES, 1.0)}

    def summary(self) -> dict[str, object]:
        """The result for JSON. Latencies are in milliseconds, null if there was no reply."""
        rate = self.accepted / self.seconds if self.seconds else 0.0
        return {
            "orders_sent": self.sent,
            "orders_accepted": self.accepted,
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
