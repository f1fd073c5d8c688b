"""A place in a partition's log that can be checked against the log."""

from typing import NamedTuple


class LogPosition(NamedTuple):
    """`offset` is the next record's; `leader_epoch` that of the record before it, None if unknown. A log that was cut
    and written again has the same offsets in a later epoch, so the epoch tells whether the position is still one of
    this log (KIP-320)."""

    offset: int
    leader_epoch: int | None = None
