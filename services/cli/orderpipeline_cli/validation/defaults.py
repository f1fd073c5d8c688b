"""What the API server does to an object before it validates it: unknown fields go, defaults come."""

from collections.abc import Iterator, Mapping
from typing import Any

from orderpipeline_cli.validation.field_error import FieldError, unknown_field
from orderpipeline_operator.domain.crd.openapi import Schema

OPEN = "x-kubernetes-preserve-unknown-fields"


def unknown_fields(value: Any, schema: Schema, path: str = "") -> Iterator[FieldError]:
    """The fields that strict decoding refuses, in the order in which they stand there."""
    if isinstance(value, Mapping):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, entry in value.items():
            place = f"{path}.{key}" if path else str(key)
            inner = known.get(key, others)
            if inner is not None:
                yield from unknown_fields(entry, inner, place)
            elif known and not schema.get(OPEN):
                yield unknown_field(place)
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield from unknown_fields(entry, schema.get("items", {}), f"{path}[{index}]")


def with_defaults(value: Any, schema: Schema) -> Any:
    """A copy without unknown fields, with defaults, and with whole numbers as such.

    A null where none is allowed gives way to the default.
    """
    if isinstance(value, Mapping):
        if schema.get("additionalProperties") is not None:
            inner = schema["additionalProperties"]
            return {key: with_defaults(entry, inner) for key, entry in value.items()}
        if "properties" in schema:
            return {**_others(value, schema), **dict(_fields(value, schema["properties"]))}
    if isinstance(value, list):
        return [with_defaults(entry, schema.get("items", {})) for entry in value]
    if isinstance(value, float) and value.is_integer() and schema.get("type") == "integer":
        return int(value)
    return value


def _others(value: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Fields without a schema, where they are preserved."""
    known = schema["properties"]
    return {key: entry for key, entry in value.items() if key not in known} if schema.get(OPEN) else {}


def _fields(value: Mapping[str, Any], properties: Mapping[str, Schema]) -> Iterator[tuple[str, Any]]:
    for key, schema in properties.items():
        given = value.get(key)
        if given is None and "default" in schema and not (key in value and schema.get("nullable")):
            given = schema["default"]
        elif key not in value:
            continue
        yield key, with_defaults(given, schema)
