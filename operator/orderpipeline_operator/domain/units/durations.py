"""Durations of the spec (`500ms`, `60s`, `7d`) as numbers."""

import re
from typing import Final

_MILLISECONDS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SHAPE: Final = re.compile(r"([0-9]+)(ms|s|m|h|d)")


def milliseconds(text: str) -> int:
    """Milliseconds of a duration. Raises ValueError when text is not a number followed by ms, s, m, h or d."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a whole number and ms, s, m, h or d, such as 30s")
    return int(match[1]) * _MILLISECONDS[match[2]]


def seconds(text: str) -> float:
    """Seconds of a duration. Raises ValueError as milliseconds does."""
    return milliseconds(text) / 1000


def seconds_text(text: str) -> str:
    """Seconds of a duration as the shortest decimal text: `30s` is `30`, `500ms` is `0.5`."""
    whole, rest = divmod(milliseconds(text), 1000)
    return str(whole) if rest == 0 else f"{whole}.{rest:03d}".rstrip("0")
