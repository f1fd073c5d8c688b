"""Where a partition begins, for each way in which log, commit and database can disagree."""

import pytest

from orderpipeline_consumer.processing.start import Gap, LogState, Start, choose_start
from orderpipeline_consumer.records.commit import Commit
from orderpipeline_consumer.records.completed import Completed
from orderpipeline_consumer.records.log_position import LogPosition
from orderpipeline_consumer.sinks.base import PartitionLease

NO_POSITIONS = PartitionLease()
EMPTY = PartitionLease(stores_positions=True)


def log(commit: Commit | None = None, *, begin: int = 10, end: int = 100, recreated: bool = False) -> LogState:
    return LogState("id", begin, end, commit, recreated)


def committed(offset: int, leader_epoch: int | None = 4, *, stored: int | None = None) -> Commit:
    return Commit(LogPosition(offset, leader_epoch), "id", stored)


def database(offset: int, leader_epoch: int | None = 4) -> PartitionLease:
    return PartitionLease(LogPosition(offset, leader_epoch), stores_positions=True)


def begins(log_state: LogState, lease: PartitionLease) -> tuple[int, str]:
    found = choose_start(log_state, lease)
    assert isinstance(found, Start)
    assert bool(found.cause) == bool(found.note)
    return found.position.offset, found.cause


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (log(), (10, "")),
        (log(recreated=True), (10, "recreated")),
        (log(committed(50)), (50, "")),
        (log(committed(100)), (100, "")),
        (log(committed(9)), (10, "expired")),
        (log(committed(101, None)), (10, "truncated")),
        (log(committed(101, 4)), (101, "truncated")),
    ],
)
def test_a_sink_without_positions_goes_on_at_the_commit(state: LogState, expected: tuple[int, str]) -> None:
    assert begins(state, NO_POSITIONS) == expected


@pytest.mark.parametrize(
    ("state", "lease", "expected"),
    [
        (log(), EMPTY, (10, "")),  # its first start
        (log(committed(50)), EMPTY, (50, "")),  # another sink came before
        (log(committed(50, stored=50)), EMPTY, (10, "database")),  # an empty database in place of the former one
        (log(committed(50, stored=50)), database(50), (50, "")),
        (log(committed(50, stored=50)), database(60), (60, "")),  # it crashed before the commit
        (log(committed(50, stored=50)), database(30), (30, "database")),  # restored
        (log(committed(50, stored=45)), database(45), (50, "")),  # dead letters and markers are in no database
        (log(committed(50, stored=45)), database(47), (50, "")),
        (log(committed(50, stored=45)), database(44), (44, "database")),
        (log(Commit(LogPosition(50))), database(30), (30, "database")),  # a tool's commit, which says nothing of it
        (log(Commit(LogPosition(50))), database(5), (50, "")),
        (log(), database(60), (60, "")),  # the group's commits have expired
        (log(recreated=True), EMPTY, (10, "recreated")),
        (log(committed(120, stored=120)), database(120), (120, "truncated")),
        (log(committed(120, None, stored=120)), database(120, None), (10, "truncated")),
        (log(committed(90, stored=90)), database(120, None), (10, "truncated")),
    ],
)
def test_what_the_database_has_stored_decides(
    state: LogState, lease: PartitionLease, expected: tuple[int, str]
) -> None:
    assert begins(state, lease) == expected


def test_orders_that_neither_log_nor_database_has_are_a_gap_with_a_name() -> None:
    assert choose_start(log(committed(50, stored=50)), database(5)) == Gap(5, 10)
    assert str(Gap(5, 10)) == "offsets 5 to 9"
    assert choose_start(log(), database(5)) == Gap(5, 10)


def test_only_the_client_finds_where_a_log_was_cut() -> None:
    found = choose_start(log(committed(101, 4)), NO_POSITIONS)
    assert isinstance(found, Start)
    assert (found.cut, found.position) == (True, LogPosition(101, 4))


@pytest.mark.parametrize(
    ("offset", "lease", "skips"),
    [
        (50, NO_POSITIONS, True),
        (50, database(50), True),
        (50, database(55), True),  # it crashed before the commit
        (50, database(40), False),  # restored
        (120, database(120), False),  # the log was cut
    ],
)
def test_what_was_done_above_the_commit_counts_where_the_group_left_off(
    offset: int, lease: PartitionLease, skips: bool
) -> None:
    done = Completed(4, ((60, 61),))
    stored = None if lease.position is None else offset
    found = choose_start(log(Commit(LogPosition(offset, 4), "id", stored, done)), lease)
    assert isinstance(found, Start)
    assert found.done == (done if skips else None)
