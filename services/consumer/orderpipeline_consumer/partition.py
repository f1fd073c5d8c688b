"""One assignment of one partition: what was received, what is queued, what may be committed."""

from dataclasses import dataclass, field

from orderpipeline_consumer.keyed import KeyedQueue
from orderpipeline_consumer.offsets import Offsets
from orderpipeline_consumer.records import Record
from orderpipeline_consumer.sinks.base import Claim


@dataclass(slots=True, eq=False)
class Partition:
    """State of a partition from assignment to revocation. A new assignment is a new object: results of an earlier one
    reach only the earlier object, which nobody commits any more.

    The engine (event loop) writes all but the last five fields, which are the Kafka thread's; each side only reads
    single values of the other's."""

    number: int
    offsets: Offsets = field(default_factory=Offsets)
    queue: KeyedQueue[Record] = field(default_factory=KeyedQueue)
    attempts: dict[str, int] = field(default_factory=dict)
    """Failed attempts at the first order of a lane."""
    outages: dict[str, int] = field(default_factory=dict)
    running: int = 0
    """Batches and dead letters on their way."""
    started: int = -1
    """Highest offset that was ever handed to the handler."""
    draining: bool = False
    claim: Claim | None = None
    """What the sink said when it took the partition; no record flows before."""
    open: int = 0
    """Records received and not yet finished."""
    bytes: int = 0
    """Their size."""
    received: int = 0
    """Records that have come over from the Kafka thread, ever."""

    handed: int = 0
    committed: int | None = None
    committed_of: Offsets | None = None
    paused: bool = False
    sought: bool = False
