"""Messages as pages show them: bounded, and without the values of the fields that are hidden. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from orderpipeline_common.contract import Header

HIDDEN: Final = "(hidden)"
MAX_SHOWN: Final = 8_192
"""Characters of a value that are shown; the rest is counted."""
MAX_HEADERS: Final = 32
_KEY_FIELD: Final = "customer_id"
"""A record's key is the value of that field."""
_SAFE_HEADERS: Final = frozenset({
    Header.CONTENT_TYPE, Header.TRACEPARENT, Header.ORIGIN_TOPIC, Header.ORIGIN_PARTITION, Header.ORIGIN_OFFSET,
    Header.ORIGIN_TIMESTAMP, Header.ATTEMPTS, Header.ORDER_ID,
})  # fmt: skip
"""Headers that this system writes and that hold nothing of an order's; of others the size is shown."""


@dataclass(frozen=True, slots=True)
class Message:
    """One record. `timestamp` in milliseconds since 1970, None if it has none."""

    partition: int
    offset: int
    timestamp: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def shown(message: Message, hidden: Sequence[str]) -> dict[str, Any]:
    """The message for a page. `hidden` are names of fields, maybe dotted; a value that is no JSON is not shown."""
    value, secrets = _value(message.value, hidden)
    headers = dict(message.headers[:MAX_HEADERS])
    key = None if message.key is None else message.key.decode(errors="replace")
    if key is not None and _KEY_FIELD in hidden:
        secrets.append(key)
        key = HIDDEN
    error = headers.get(Header.ERROR)
    return {
        "partition": message.partition,
        "offset": message.offset,
        "timestamp": message.timestamp,
        "key": key,
        "value": value[:MAX_SHOWN],
        "more": max(len(value) - MAX_SHOWN, 0),
        "size": len(message.value or b""),
        "headers": {name: _header(name, raw) for name, raw in headers.items() if name != Header.ERROR},
        "error": "" if error is None else without(error.decode(errors="replace"), secrets)[:MAX_SHOWN],
    }


def without(text: str, secrets: Sequence[str]) -> str:
    """The text without the hidden values that it may repeat, as a message of an exception does; longest first."""
    for secret in sorted({one for one in secrets if len(one) > 1}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _value(raw: bytes | None, hidden: Sequence[str]) -> tuple[str, list[str]]:
    if raw is None:
        return "", []
    try:
        order = json.loads(raw)
    except (ValueError, RecursionError):
        if hidden:
            return f"(not JSON; {len(raw):,} bytes, not shown since fields are hidden)", []
        return raw.decode(errors="replace"), []
    secrets: list[str] = []
    for name in hidden:
        _hide(order, tuple(name.split(".")), secrets)
    return json.dumps(order, ensure_ascii=False, indent=1), secrets


def _hide(value: Any, path: tuple[str, ...], secrets: list[str]) -> None:
    """Replace the values at the path, and remember what they were. A name without dots is hidden at any depth."""
    if isinstance(value, list):
        for each in value:
            _hide(each, path, secrets)
    if not isinstance(value, dict):
        return
    if len(path) > 1:
        _hide(value.get(path[0]), path[1:], secrets)
        return
    for name, found in value.items():
        if name == path[0]:
            secrets.append(found if isinstance(found, str) else json.dumps(found))
            value[name] = HIDDEN
        else:
            _hide(found, path, secrets)


def _header(name: str, raw: bytes | None) -> str | None:
    if raw is None:
        return None
    return raw.decode(errors="replace")[:MAX_SHOWN] if name in _SAFE_HEADERS else f"({len(raw)} bytes)"
