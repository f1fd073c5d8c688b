"""Where a partition's reading begins: what the group has committed, what the sink has stored, and what the log holds.

An offset alone proves nothing: the log may have been cut and written again, the topic made anew, the sink's database
restored. So every position is checked against the log that is there now."""

from dataclasses import dataclass, replace
from typing import Final

from orderpipeline_consumer.records.commit import Commit
from orderpipeline_consumer.records.completed import Completed
from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.sinks.base import PartitionLease

RECREATED: Final = "recreated"
TRUNCATED: Final = "truncated"
EXPIRED: Final = "expired"
DATABASE: Final = "database"
CAUSES: Final = (RECREATED, TRUNCATED, EXPIRED, DATABASE)


@dataclass(frozen=True, slots=True)
class LogState:
    """A partition's log at the time of its assignment: it holds offsets from `begin` up to `end`, which is not
    included. `commit` is the group's for this log, None if there is none; `recreated` tells that there was one for an
    earlier topic of this name."""

    topic_id: str
    begin: int
    end: int
    commit: Commit | None = None
    recreated: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """Reading begins at `position`, or if the log was `cut` below it, where the client finds that out. `cause`, if any,
    is why it is not where the group left off; `note` says it. Records that are `done` need not be handled again."""

    position: LogPosition
    cause: str = ""
    note: str = ""
    cut: bool = False
    done: Completed | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """The log no longer has the records from `missing_from` to `missing_to`, which is not included, and the sink does
    not have them yet."""

    missing_from: int
    missing_to: int

    def __str__(self) -> str:
        return f"offsets {self.missing_from} to {self.missing_to - 1}"


def choose_start(log: LogState, lease: PartitionLease) -> Start | Gap:
    """Where to begin: what the sink has stored decides; else the group's commit; else the log's beginning.

    The commit counts for a sink that stores positions only if that has not gone back since the commit, which then may
    be ahead by dead letters and transaction markers."""
    commit = log.commit
    if lease.stores_positions:
        stored, stored_at_commit = lease.position, None if commit is None else commit.stored
        if stored is None and stored_at_commit is not None:
            note = f"the database has stored nothing of it, though it had up to offset {stored_at_commit}"
            return _from_the_beginning(log, DATABASE, note)
        if stored is not None and (stored_at_commit is None or stored.offset < stored_at_commit):
            return _from_stored(log, stored)
        if stored is not None and (commit is None or commit.position.offset < stored.offset):
            return _skipping_done(_from_stored(log, stored), commit)
    if commit is None:
        return _from_the_beginning(log, RECREATED if log.recreated else "", "the topic was made anew")
    return _skipping_done(_from_commit(log, commit.position), commit)


def _skipping_done(start: Start | Gap, commit: Commit | None) -> Start | Gap:
    """What was done above the commit is not done again, if the start is one where the group left off."""
    if isinstance(start, Gap) or start.cause or commit is None:
        return start
    return replace(start, done=commit.done)


def _from_stored(log: LogState, stored: LogPosition) -> Start | Gap:
    if stored.offset < log.begin:
        if log.commit is not None and not log.commit.topic_id:  # it does not say what the database had by then
            return _from_commit(log, log.commit.position)
        return Gap(stored.offset, log.begin)
    if stored.offset > log.end:
        return _beyond_the_end(log, stored, "the database")
    committed = None if log.commit is None else log.commit.position.offset
    if committed is not None and committed > stored.offset:
        note = f"the database has gone back: it has stored up to offset {stored.offset}, {committed} were committed"
        return Start(stored, DATABASE, note)
    return Start(stored)


def _from_commit(log: LogState, position: LogPosition) -> Start:
    if position.offset < log.begin:
        lost = f"offsets {position.offset} to {log.begin - 1} were deleted from the log before they were handled"
        return _from_the_beginning(log, EXPIRED, lost)
    if position.offset > log.end:
        return _beyond_the_end(log, position, "the commit")
    return Start(position)


def _beyond_the_end(log: LogState, position: LogPosition, whose: str) -> Start:
    """With the epoch the client finds where the log was cut; without it, no offset of this log is known to be done."""
    note = f"{whose} says offset {position.offset}, but the log was cut and ends at {log.end}"
    if position.leader_epoch is not None:
        return Start(position, TRUNCATED, note, cut=True)
    return _from_the_beginning(log, TRUNCATED, note)


def _from_the_beginning(log: LogState, cause: str, note: str) -> Start:
    return Start(LogPosition(log.begin), cause, note if cause else "")
