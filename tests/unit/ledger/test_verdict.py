"""The verdict of the ledger: every figure can fail, and only what a fault is known to have destroyed is excused."""

from collections.abc import Collection, Mapping, Sequence

import pytest

from tests.e2e.ledger.verdict import Books, Database, LogRecord, Place, Position, Verdict

PLACE = Place("first", 0)
NOTHING: Collection[str] = ()


def ids(*numbers: int) -> list[str]:
    return [f"c/{number}" for number in numbers]


def log(*numbers: int, epoch: int = 0, place: Place = PLACE) -> list[LogRecord]:
    """A log that has each order at the offset of its number."""
    return [LogRecord(place, number, epoch, f"c/{number}") for number in numbers]


def database(
    *numbers: int, positions: Mapping[Place, Position] | None = None, effects: Sequence[str] | None = None
) -> Database:
    """These orders are stored, each with one effect unless others are given."""
    return Database(set(ids(*numbers)), ids(*numbers) if effects is None else effects, positions or {})


def verdict(
    database: Database, acked: Collection[str], in_log: Collection[str] = NOTHING, books: Books | None = None
) -> Verdict:
    return (books or Books()).verdict(acked, in_log, database)


def test_all_is_well() -> None:
    found = verdict(database(0, 1, 2), ids(0, 1), ids(0, 1, 1, 2))
    assert found.good
    assert (found.unlogged, found.lost) == (set(), set())


@pytest.mark.parametrize("in_log", [ids(0, 1), ids(0)], ids=["in the log", "in no log"])
def test_an_acknowledged_order_without_a_row_is_lost(in_log: list[str]) -> None:
    found = verdict(database(0), ids(0, 1), in_log)
    assert (found.lost, found.unlogged, found.good) == ({"c/1"}, set(), False)


def test_an_order_of_the_log_that_nobody_was_told_of_is_lost_too() -> None:
    assert verdict(database(0), ids(0), ids(0, 1)).lost == {"c/1"}


def test_a_row_without_an_effect_is_lost() -> None:
    assert verdict(database(0, 1, effects=ids(0)), ids(0, 1)).lost == {"c/1"}


def test_a_second_effect_is_found_though_the_order_has_one_row() -> None:
    found = verdict(database(0, 1, effects=ids(0, 1, 0)), ids(0, 1))
    assert (found.second_effects, found.good) == (["c/0"], False)
    assert not found.out_of_order, "its first effect was in order"


def test_an_effect_before_that_of_an_earlier_order_is_out_of_order() -> None:
    effects = ["c/0", "d/5", "c/3", "c/1", "c/2", "d/6", "c/4"]
    found = verdict(Database(set(effects), effects, {}), effects)
    assert (found.out_of_order, found.good) == (["c/1", "c/2"], False)


def test_what_a_cut_has_destroyed_before_it_was_stored_is_unlogged_and_nothing_else() -> None:
    books = Books()
    books.log_destroyed(log(2), database(0, positions={PLACE: Position(1, 0)}))
    found = verdict(database(0), ids(0, 1, 2), books=books)
    assert (found.unlogged, found.lost) == ({"c/2"}, {"c/1"})


def test_what_a_cut_has_destroyed_and_a_customer_has_sent_again_must_be_stored() -> None:
    books = Books()
    books.log_destroyed(log(1), database(0))
    assert verdict(database(0), ids(0, 1), ids(0, 1), books).lost == {"c/1"}
    assert verdict(database(0, 1), ids(0, 1), ids(0, 1), books).good


def test_what_was_skipped_before_the_log_was_destroyed_is_lost() -> None:
    """As with a consumer that begins in the middle of a topic made anew, which is then deleted once more."""
    books = Books()
    books.log_destroyed(log(0, 1, 2, 3), database(2, positions={PLACE: Position(3, 0)}))
    found = verdict(database(2), ids(0, 1, 2, 3), books=books)
    assert (found.unlogged, found.lost) == ({"c/3"}, {"c/0", "c/1"})


def test_a_position_says_nothing_of_later_records_at_its_offsets_nor_of_other_logs() -> None:
    books = Books()
    books.log_destroyed(log(1, epoch=1), database(0, positions={PLACE: Position(9, 0)}))
    books.log_destroyed(log(2, place=Place("second", 0)), database(0, positions={PLACE: Position(9, 0)}))
    found = verdict(database(0), ids(0, 1, 2), books=books)
    assert (found.unlogged, found.lost) == ({"c/1", "c/2"}, set())


def test_what_a_restore_has_removed_must_be_stored_again_while_the_log_has_it() -> None:
    books = Books()
    assert books.database_restored(set(ids(0, 1)), set(ids(0))) == 1
    assert verdict(database(0), ids(0, 1), ids(0, 1), books).lost == {"c/1"}


def test_what_a_restore_has_removed_after_the_log_was_destroyed_is_unlogged() -> None:
    books = Books()
    books.log_destroyed(log(0, 1), database(0, 1, positions={PLACE: Position(2, 0)}))
    assert books.database_restored(set(ids(0, 1, 2)), set(ids(0))) == 1
    found = verdict(database(0), ids(0, 1, 2), books=books)
    assert (found.unlogged, found.lost) == ({"c/1"}, {"c/2"})


def test_a_row_that_only_the_database_has_may_not_vanish_without_a_restore() -> None:
    books = Books()
    books.log_destroyed(log(0, 1), database(0, 1))
    assert verdict(database(0), ids(0, 1), books=books).lost == {"c/1"}
