"""When a reconcile of a cluster begins. It holds on to what it has read until its end, so changes wait. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hack.standin.brokers import Brokers
from hack.standin.certs import Authorities
from hack.standin.model import Cluster, Json, meta, paused

INTERVAL_SECONDS: Final = 120.0
"""From the begin of one reconcile to that of the next if nothing changes. What nobody watches is repaired then."""
TIMEOUT_SECONDS: Final = 300.0
"""After which a reconcile gives up waiting for its pods."""
Seen = frozenset[tuple[str, int, bool]]


@dataclass(frozen=True)
class Wanted:
    """A cluster as one reconcile wants it. `warnings` are conditions in addition to those about the spec."""

    cluster: Cluster
    cluster_id: str
    authorities: Authorities
    brokers: Brokers
    warnings: Sequence[Json]


@dataclass
class Reconcile:
    """What it has seen, and what it wants: None before the first spec that is valid."""

    seen: Seen
    began: datetime
    wanted: Wanted | None
    ended: bool = False

    def late(self, now: datetime) -> bool:
        """Whether it has waited long enough for its pods."""
        return (now - self.began).total_seconds() > TIMEOUT_SECONDS


def seen(kafka: Json, pools: Sequence[Json]) -> Seen:
    """What makes a reconcile begin when it changes: the specs, which pools there are, and whether one is paused."""
    return frozenset((str(meta(one)["uid"]), int(meta(one)["generation"]), paused(one)) for one in (kafka, *pools))


def due(last: Reconcile | None, now_seen: Seen, now: datetime) -> bool:
    """Whether a reconcile begins now. `last` is the one before, which may not have ended."""
    if last is None:
        return True
    if not last.ended:
        return False
    return last.seen != now_seen or (now - last.began).total_seconds() >= INTERVAL_SECONDS
