"""The sequence in which ways are measured."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_turn(ways: Sequence[T], number: int) -> Iterable[T]:
    """All ways in round `number`: every other round backwards, so that a drift of the machine is shared."""
    return ways if number % 2 == 0 else reversed(ways)
