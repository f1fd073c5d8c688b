"""Which dead letters are meant, as options, and the request for the program that reads them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from orderpipeline_cli.exits import UsageError
from orderpipeline_operator.domain.units.durations import milliseconds

Action = Literal["list", "replay", "drop"]
_PLACE: Final = re.compile(r"(\d+):(\d+)(?:-(\d+))?")
_AGE: Final = re.compile(r"\d+(ms|s|m|h|d)")


@dataclass(frozen=True)
class Selection:
    """Letters that meet every condition that is given."""

    reason: str | None = None
    """Text that their error has, such as ValueError."""
    customer: str | None = None
    """Their customer."""
    offset: tuple[str, ...] = ()
    """PARTITION:OFFSET or PARTITION:FIRST-LAST in the dead-letter topic; may be repeated."""
    since: str | None = None
    """Given up at this time (ISO 8601) or later, or so long ago at most, such as 2h."""
    until: str | None = None
    """Given up at this time or earlier, or so long ago at least."""

    @property
    def empty(self) -> bool:
        """Whether every letter is meant."""
        return self == Selection()

    def as_value(self, now: datetime) -> dict[str, Any]:
        """As the program takes it. Raises UsageError that names the option."""
        return {
            "reason": self.reason,
            "customer": self.customer,
            "offsets": [_place(text) for text in self.offset],
            "since": _time("--since", self.since, now),
            "until": _time("--until", self.until, now),
        }


def _place(text: str) -> tuple[int, int, int]:
    found = _PLACE.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no place; write PARTITION:OFFSET such as 0:17, or PARTITION:FIRST-LAST")
    partition, first, last = found.groups()
    return int(partition), int(first), int(last or first)


def _time(option: str, text: str | None, now: datetime) -> int | None:
    """Milliseconds since 1970."""
    if text is None:
        return None
    if _AGE.fullmatch(text):
        return int(now.timestamp() * 1000) - milliseconds(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is no time; write 2026-11-30T12:00:00Z, or an age such as 2h") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
