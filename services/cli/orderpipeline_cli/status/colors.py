"""Colours of a summary on a terminal."""

import re
from typing import Final

from rich.text import Text

_STYLES: Final = (
    (re.compile(r"^(Health|Flow|Scaling|Attention|What to do)$", re.MULTILINE), "bold"),
    (re.compile(r"^ *!! .*$", re.MULTILINE), "red"),
    (re.compile(r"^  ok ", re.MULTILINE), "green"),
    (re.compile(r"\A.*$", re.MULTILINE), "bold cyan"),
)


def colored(text: str) -> Text:
    """The same text with colours."""
    made = Text(text)
    for pattern, style in _STYLES:
        made.highlight_regex(pattern, style)
    return made
