"""What became of each acknowledged order. Pure: the ledger, the logs and the database's rows are arguments."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple


class Place(NamedTuple):
    """A partition of a topic that was created once; a topic made anew has another id."""

    topic_id: str
    partition: int


class LogRecord(NamedTuple):
    """An order in a log, written when the partition's leader had this epoch."""

    place: Place
    offset: int
    leader_epoch: int
    order_id: str


class Position(NamedTuple):
    """A partition is done up to `offset`, not included, as far as the log was written up to this leader epoch: what was
    written to the same offsets after the log was cut has a later one."""

    offset: int
    leader_epoch: int

    def passed(self, record: LogRecord) -> bool:
        """Whether the record is behind it."""
        return record.offset < self.offset and record.leader_epoch <= self.leader_epoch


@dataclass(frozen=True)
class Database:
    """The sink's tables at one moment, read in one transaction.

    `stored` are the ids of the rows of orders. `effects` has an id for each time that a row was inserted or changed, in
    that order, without a constraint that would keep it from being there twice.
    """

    stored: AbstractSet[str]
    effects: Sequence[str]
    positions: Mapping[Place, Position]

    def passed(self, record: LogRecord) -> bool:
        """Whether the sink takes the record for done."""
        position = self.positions.get(record.place)
        return position is not None and position.passed(record)


@dataclass(frozen=True)
class Verdict:
    """Ids of orders. `unlogged`: acknowledged, and gone because faults took both copies, that of the only log and that
    of the database, or the log's before the consumers had come to it; replicas and backups are against that. `lost`:
    every other order that is acknowledged or in the log and has no effect in the database. `second_effects` has an id
    for each effect after an order's first, `out_of_order` the orders whose first effect came after that of a later
    order of the same customer."""

    unlogged: AbstractSet[str]
    lost: AbstractSet[str]
    second_effects: Sequence[str]
    out_of_order: Sequence[str]

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.second_effects or self.out_of_order)


class Books:
    """What faults removed, written down when they did. An order is `unlogged` by these records only, never by being
    absent."""

    def __init__(self) -> None:
        self._gone: set[str] = set()
        self._only_stored: set[str] = set()
        self._passed_over: set[str] = set()

    def log_destroyed(self, records: Iterable[LogRecord], database: Database) -> None:
        """These records were removed from the log; `database` is as it was just then.

        What the database lacks though its position is beyond it was skipped: it is lost, and no fault is the reason.
        """
        for record in records:
            if record.order_id in database.stored:
                self._only_stored.add(record.order_id)
            elif database.passed(record):
                self._passed_over.add(record.order_id)
            else:
                self._gone.add(record.order_id)

    def database_restored(self, before: AbstractSet[str], after: AbstractSet[str]) -> int:
        """The database had the orders `before` and has those `after` now. Returns how many it has to get again."""
        removed = before - after
        self._gone |= removed & self._only_stored
        return len(removed - self._only_stored)

    def verdict(self, acknowledged: Collection[str], in_log: Collection[str], database: Database) -> Verdict:
        """`in_log` are the ids of all records that the log has at the end, when the consumers have caught up."""
        there = set(in_log)
        effective = database.stored & set(database.effects)
        missing = {*acknowledged, *there} - effective
        unlogged = {each for each in missing if each in self._gone} - there - self._passed_over
        first, second = _first_and_later(database.effects)
        return Verdict(unlogged, missing - unlogged, second, _out_of_order(first))


def _first_and_later(effects: Iterable[str]) -> tuple[list[str], list[str]]:
    seen, first, later = set[str](), list[str](), list[str]()
    for each in effects:
        (later if each in seen else first).append(each)
        seen.add(each)
    return first, later


def _out_of_order(effects: Iterable[str]) -> list[str]:
    """Ids are `customer/number`, and each customer's numbers ascend."""
    highest, found = dict[str, int](), list[str]()
    for each in effects:
        customer, _, number = each.rpartition("/")
        if int(number) < highest.get(customer, -1):
            found.append(each)
        highest[customer] = max(int(number), highest.get(customer, -1))
    return found
