"""An error as the API server words it: the field's path, then what is wrong with its value."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One error. While one of them is `blocking`, the API server does not evaluate CEL rules."""

    path: str
    body: str
    blocking: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.body}"


def invalid(path: str, value: Any, detail: str, *, blocking: bool = False) -> FieldError:
    """A value that breaks a rule; the value is shown."""
    return FieldError(path, f"Invalid value: {_shown(value)}: {detail}", blocking)


def rejected(path: str, detail: str) -> FieldError:
    """An object or a list that breaks a rule; it would be too long to show."""
    return FieldError(path, f"Invalid value: {detail}")


def required(path: str, detail: str = "") -> FieldError:
    """A field that is missing."""
    return FieldError(path, f"Required value: {detail}" if detail else "Required value", blocking=True)


def unsupported(path: str, value: Any, supported: Sequence[Any]) -> FieldError:
    """A value that is none of those to choose from."""
    choices = ", ".join(json.dumps(each if isinstance(each, str) else json.dumps(each)) for each in supported)
    return FieldError(path, f"Unsupported value: {_shown(value)}: supported values: {choices}", blocking=True)


def too_long(path: str, most: int) -> FieldError:
    """A text of more than `most` bytes."""
    return FieldError(path, f"Too long: may not be more than {most} {'byte' if most == 1 else 'bytes'}", blocking=True)


def too_many(path: str, count: int, most: int) -> FieldError:
    """More than `most` items or properties."""
    items = "item" if most == 1 else "items"
    return FieldError(path, f"Too many: {count}: must have at most {most} {items}", blocking=True)


def unknown_field(path: str) -> FieldError:
    """A field that the schema does not have."""
    return FieldError(path, f'strict decoding error: unknown field "{path}"')


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
