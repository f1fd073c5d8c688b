"""Replies as plain values: status, headers, bytes."""

import math
from dataclasses import dataclass
from typing import Final

import msgspec

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP reply."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def json_reply(status: int, value: object) -> Reply:
    """A reply whose body is the value as JSON."""
    return Reply(status, msgspec.json.encode(value))


def retry_after(seconds: float) -> tuple[tuple[str, str], ...]:
    """The Retry-After header, in whole seconds, at least one."""
    return (("Retry-After", str(max(1, math.ceil(seconds)))),)
