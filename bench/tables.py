"""Tables, numbers and lines of the reports. Pure."""

import re
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Final

from bench.summary import Found, middle, spread

UNKNOWN: Final = "not measured"
WIDTH: Final = 118
TITLES: Final = {
    "single_accepted": "one order, reply at once",
    "single_acked": "one order, reply after the ack",
    "batch_accepted": "1000 orders, reply at once",
    "batch_acked": "1000 orders, reply after the ack",
    "ndjson_acked": "1000 as NDJSON, reply after the ack",
}
"""By cell."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---", *["---:"] * (len(head) - 1)], *rows)]
    return "\n".join(lines)


def number(value: float | None, digits: int = 2) -> str:
    """A figure as text."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def ranged(runs: Sequence[Found]) -> str:
    """The µs per order of several rounds: the median, the minimum and the maximum."""
    found, ends = middle(runs, "us"), spread(runs, "us")
    return UNKNOWN if found is None or ends is None else f"{found:.2f} ({ends[0]:.2f} to {ends[1]:.2f})"


def row_title(result: Found, name: str) -> str:
    """What a row is called."""
    titles: Mapping[str, str] = result["titles"]
    return titles.get(name, name)


def filled(text: str) -> str:
    """A page with the lines of its prose filled, items of a list each for itself; tables, titles and pictures as they
    are."""
    return "\n\n".join(_wrapped(block) for block in text.strip().split("\n\n")) + "\n"


def _wrapped(block: str) -> str:
    if block.startswith(("|", "#", "!")):
        return block
    items = re.split(r"\n(?=- )", block)
    indents = ("  " if item.startswith("- ") else "" for item in items)
    return "\n".join(
        fill(" ".join(item.split()), WIDTH, subsequent_indent=indent)
        for item, indent in zip(items, indents, strict=True)
    )
