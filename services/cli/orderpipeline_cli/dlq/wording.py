"""Dead letters and what became of them, in words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from orderpipeline_operator.domain.units.wording import counted

HEADING: Final = ("PLACE", "TIME", "CUSTOMER", "ATTEMPTS", "ERROR")
_WIDTHS: Final = (12, 20, 24, 8)
MAX_ERROR: Final = 120


def heading() -> str:
    """The first line of a list."""
    return _columns(HEADING)


def row(letter: Mapping[str, Any]) -> str:
    """A letter in a list."""
    error = " ".join(str(letter["error"]).split())
    shown = error if len(error) <= MAX_ERROR else f"{error[: MAX_ERROR - 3]}..."
    handled = "(done) " if letter.get("handled") else ""
    customer, attempts = (str(letter.get(key) or "?") for key in ("customer", "attempts"))
    return _columns((place(letter), at(letter), customer, attempts, f"{handled}{shown or '?'}"))


def place(letter: Mapping[str, Any]) -> str:
    """Where it is, as the options take it."""
    return f"{letter['partition']}:{letter['offset']}"


def at(letter: Mapping[str, Any]) -> str:
    """When the order was given up."""
    stamp = letter["timestamp"]
    return "?" if stamp < 0 else f"{datetime.fromtimestamp(stamp / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def listed(result: Mapping[str, Any], reasons: Mapping[str, int], *, shown: int, every: bool) -> str:
    """The last line of a list, of which so many letters were `shown`."""
    kinds = ", ".join(f"{count} {kind or 'without a reason'}" for kind, count in reasons.items())
    text = counted(result["matched"], "letter") + (f": {kinds}" if kinds else "")
    if shown < result["matched"]:
        text += f"; the first {shown} are shown (--limit shows more)"
    before = result["before"]
    if before and not every:
        text += f"; {before} more {'has' if before == 1 else 'have'} been replayed or dropped (--all shows them)"
    return text


def done(action: str, result: Mapping[str, Any], *, dry_run: bool) -> str:
    """What a replay or a drop has done."""
    past = {"replay": "replayed", "drop": "dropped"}[action]
    if dry_run:
        text = f"{counted(result['matched'], 'letter')} would be {past}"
    else:
        text = f"{counted(result['done'], 'letter')} {past}"
    before = result["before"]
    return text + (f"; {before} had been replayed or dropped before" if before else "")


def _columns(texts: tuple[str, ...]) -> str:
    *fixed, last = texts
    return "  ".join([*(f"{text:<{width}}" for text, width in zip(fixed, _WIDTHS, strict=True)), last]).rstrip()
