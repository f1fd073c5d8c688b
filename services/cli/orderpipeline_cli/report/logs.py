"""Logs without the values of orders.

The log sink writes orders; handlers, webhooks and databases name their values in errors. So only lines of this product
are kept, and of those the texts of errors go: what kind of error it was, and where it came from, stay.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from orderpipeline_cli.report.objects import REMOVED, text_without_secrets

OWN: Final = "orderpipeline_"
"""How the names of the product's own loggers begin. The log sink's is another one."""
TEXTS: Final = ("time", "level", "logger", "message", "service", "pipeline", "identity")
_QUOTES_ERRORS: Final = re.compile(
    r"(?P<kept>.*?(?:is a dead letter|processing paused|retrying in [\d.]+ s"
    r"|ended(?: and is started again in [\d.]+ s)?)): (?P<text>.*)",
    re.DOTALL,
)
"""Messages that end with what a handler, a sink or a database said."""
_ERROR_TYPE: Final = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception)(?=[:(])")
_FRAME: Final = re.compile(r'  File ".*", line \d+, in \S+')
_RAISED: Final = re.compile(r"[A-Za-z_][\w.]*(?=:|$)")
_BETWEEN: Final = (
    "Traceback (most recent call last):",
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_COUNTS: Final = frozenset({"partition", "offset", "orders", "attempts", "seconds", "port"})
"""Numbers that no order has: an amount or a quantity is a number, too."""


def without_orders(lines: Iterable[str]) -> Iterator[str]:
    """The lines that may be passed on; the last one says how many there were besides."""
    left_out = 0
    for line in lines:
        kept = _line(line)
        if kept is None:
            left_out += 1
        else:
            yield kept
    if left_out:
        yield json.dumps({"message": f"{left_out} lines that may have values of orders were left out"})


def _line(line: str) -> str | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not isinstance(found, dict) or not str(found.get("logger", "")).startswith(OWN):
        return None
    return json.dumps(_record(found), ensure_ascii=False)


def _record(found: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {key: _message(str(found[key])) for key in TEXTS if key in found}
    if "error" in found:
        kept["error"] = "\n".join(traceback(str(found["error"])))
    return kept | {key: value for key, value in found.items() if key in _COUNTS and isinstance(value, int | float)}


def _message(text: str) -> str:
    found = _QUOTES_ERRORS.fullmatch(text)
    if found is None:
        return text_without_secrets(text)
    kind = _ERROR_TYPE.match(found["text"])
    return f"{found['kept']}: {kind[0] + ' ' if kind else ''}{REMOVED}"


def traceback(text: str) -> Iterator[str]:
    """The frames of a traceback and the types of its errors, without their texts and without the lines of code."""
    after_frame = False
    for line in text.splitlines():
        if line in _BETWEEN:
            yield line
        elif _FRAME.fullmatch(line):
            yield line
            after_frame = True
        elif after_frame and not line.startswith(" "):
            kind = _RAISED.match(line)
            yield f"{kind[0] if kind else 'error'}: {REMOVED}"
            after_frame = False
