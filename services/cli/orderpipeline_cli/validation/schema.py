"""The structural schema of the CRD, checked as the API server does it, in its words."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from orderpipeline_cli.validation.field_error import (
    FieldError,
    invalid,
    required,
    too_long,
    too_many,
    unsupported,
)
from orderpipeline_operator.domain.crd.openapi import Schema

_INT_OR_STRING: Final = "x-kubernetes-int-or-string"


def check(value: Any, schema: Schema, path: str) -> Iterator[FieldError]:
    """The errors of a value at a path."""
    if value is None:
        if not schema.get("nullable") and _types(schema):
            yield _wrong_type(path, schema, "null")
        return
    kind = type_of(value)
    if not _allows(schema, kind, value):
        yield _wrong_type(path, schema, kind)
    if "enum" in schema and value not in schema["enum"]:
        yield unsupported(path, value, schema["enum"])
    for family, checked in _CHECKS.items():
        if kind in family:
            yield from checked(value, schema, path)


def type_of(value: Any) -> str:
    """The JSON type of a value, as OpenAPI names it."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _types(schema: Schema) -> tuple[str, ...]:
    if schema.get(_INT_OR_STRING):
        return ("integer", "string")
    return (schema["type"],) if "type" in schema else ()


def _allows(schema: Schema, kind: str, value: Any) -> bool:
    types = _types(schema)
    whole = kind == "number" and float(value).is_integer()
    return not types or kind in types or (kind == "integer" and "number" in types) or (whole and "integer" in types)


def _wrong_type(path: str, schema: Schema, kind: str) -> FieldError:
    wanted = ",".join(_types(schema))
    return invalid(path, kind, f'{path} in body must be of type {wanted}: "{kind}"', blocking=True)


def _text(value: str, schema: Schema, path: str) -> Iterator[FieldError]:
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield too_long(path, schema["maxLength"])
    if "minLength" in schema and len(value) < schema["minLength"]:
        yield invalid(path, value, f"{path} in body should be at least {schema['minLength']} chars long")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield invalid(path, value, f"{path} in body should match '{schema['pattern']}'")


def _number(value: float, schema: Schema, path: str) -> Iterator[FieldError]:
    if "maximum" in schema and value > schema["maximum"]:
        yield invalid(path, value, f"{path} in body should be less than or equal to {schema['maximum']}")
    if "minimum" in schema and value < schema["minimum"]:
        yield invalid(path, value, f"{path} in body should be greater than or equal to {schema['minimum']}")


def _list(value: list[Any], schema: Schema, path: str) -> Iterator[FieldError]:
    if "minItems" in schema and len(value) < schema["minItems"]:
        yield invalid(path, len(value), f"{path} in body should have at least {schema['minItems']} items")
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        yield too_many(path, len(value), schema["maxItems"])
    for index, entry in enumerate(value):
        yield from check(entry, schema.get("items", {}), f"{path}[{index}]")


def _object(value: Mapping[str, Any], schema: Schema, path: str) -> Iterator[FieldError]:
    if "minProperties" in schema and len(value) < schema["minProperties"]:
        least = schema["minProperties"]
        yield invalid(path, len(value), f"{path} in body should have at least {least} properties")
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        yield too_many(path, len(value), schema["maxProperties"])
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    for key, entry in value.items():
        inner = known.get(key, others)
        if inner is not None:
            yield from check(entry, inner, f"{path}.{key}" if path else key)
    for key in schema.get("required", ()):
        if key not in value:
            yield required(f"{path}.{key}" if path else key)


_CHECKS: Final[Mapping[tuple[str, ...], Callable[..., Iterator[FieldError]]]] = {
    ("string",): _text,
    ("integer", "number"): _number,
    ("array",): _list,
    ("object",): _object,
}
"""By the type of the value: one of a wrong type is not checked further."""
