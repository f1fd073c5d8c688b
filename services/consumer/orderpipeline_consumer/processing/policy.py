"""How orders are handled: how many at a time, and how often they are retried."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from orderpipeline_consumer.processing.backoff import Backoff

OUTAGE_BACKOFF: Final = Backoff(0.2, 5.0)


@dataclass(frozen=True, slots=True)
class Policy:
    """`workers` batches of at most `batch_size` orders at a time, or of `Sink.batch_orders` if that is more; an order
    that fails `attempts` times becomes a dead letter. `backoff` applies after an order's own failure, `outage_backoff`
    while the sink is unavailable; `random` returns [0, 1)."""

    workers: int
    batch_size: int
    attempts: int
    backoff: Backoff
    random: Callable[[], float]
    outage_backoff: Backoff = OUTAGE_BACKOFF

    def retry_delay(self, attempts: int) -> float:
        """Seconds to wait after this many failed attempts at an order."""
        return self.backoff.delay(attempts, self.random)

    def outage_delay(self, attempts: int) -> float:
        """Seconds to wait after this many attempts while the sink was unavailable."""
        return self.outage_backoff.delay(attempts, self.random)
