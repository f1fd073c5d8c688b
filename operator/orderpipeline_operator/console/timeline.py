"""Lag, rates and consumers over time, in memory: a bounded number of points for each pipeline."""

from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

from orderpipeline_operator.console.facts import Facts

KEPT: Final = 900
"""Points of a pipeline; at one every two seconds half an hour."""
UNKNOWN: Final = float("nan")


class Point(NamedTuple):
    """One moment, in Unix seconds. NaN: not known."""

    at: float
    lag: float
    age: float
    incoming: float
    outgoing: float
    running: float
    desired: float


def point(facts: Facts) -> Point:
    """The point of what is known now."""
    view = facts.scaling
    numbers = facts.numbers
    return Point(
        facts.at,
        _number(None if view is None else view.orders),
        _number(None if view is None else view.seconds),
        _number(numbers.arrival_rate),
        _number(numbers.processed_rate),
        _number(facts.consumers.ready),
        _number(None if view is None else view.desired),
    )


class Timeline:
    """The points of one pipeline, at least `every` seconds apart, the oldest dropped. 8 bytes a value."""

    def __init__(self, every: float, kept: int = KEPT) -> None:
        self._every, self._kept = every, kept
        self._columns = tuple(array("d") for _ in Point._fields)

    def add(self, new: Point) -> bool:
        """Take in a point; whether it counts: not one that comes sooner than `every`, nor from a clock set back."""
        times = self._columns[0]
        if times and new.at < times[-1]:
            for column in self._columns:
                del column[:]
        if times and new.at - times[-1] < self._every:
            return False
        for column, value in zip(self._columns, new, strict=True):
            column.append(value)
            if len(column) > self._kept + self._kept // 8:
                del column[: -self._kept]
        return True

    def last(self, count: int | None = None) -> Iterator[tuple[float | None, ...]]:
        """The last `count` points, all if None, oldest first, with None for what is not known."""
        columns = [column if count is None else column[-count:] for column in self._columns]
        for values in zip(*columns, strict=True):
            yield tuple(None if value != value else round(value, 2) for value in values)


def _number(value: float | None) -> float:
    return UNKNOWN if value is None else float(value)
