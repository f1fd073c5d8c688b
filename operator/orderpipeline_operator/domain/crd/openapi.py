"""JSON Schema of the pydantic models, rewritten as Kubernetes' structural schema.

Structural means: every node has one type, no references, no titles, and alternatives only where Kubernetes has its
own keyword for them (nullable, x-kubernetes-int-or-string, x-kubernetes-preserve-unknown-fields).
"""

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

_KEPT = (
    "type",
    "description",
    "default",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
)


def structural(model: type[BaseModel]) -> Schema:
    """The structural schema of a model, with field descriptions, defaults, bounds and CEL rules."""
    schema = model.model_json_schema(by_alias=True)
    return _node(schema, schema.get("$defs", {}))


def _node(source: Schema, definitions: dict[str, Schema]) -> Schema:
    source, nullable = _resolved(source, definitions)
    result = {key: source[key] for key in _KEPT if key in source}
    result |= {key: value for key, value in source.items() if key.startswith("x-kubernetes-")}
    if "const" in source:
        result["enum"] = [source["const"]]
    if nullable:
        result["nullable"] = True
        if result.get("default", 0) is None:
            del result["default"]
    if result.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
        result.pop("minLength", None)
        result.pop("maxLength", None)
    if "anyOf" in source:
        # Scalars of several types: Kubernetes cannot express that, so the operator's own validation decides.
        result["x-kubernetes-preserve-unknown-fields"] = True
    if result.get("type") == "array":
        result["items"] = _node(source["items"], definitions)
        result.setdefault("x-kubernetes-list-type", "atomic")
    if result.get("type") == "object":
        _object(result, source, definitions)
    return result


def _object(result: Schema, source: Schema, definitions: dict[str, Schema]) -> None:
    if "properties" in source:
        result["properties"] = {key: _node(value, definitions) for key, value in source["properties"].items()}
        if "default" in result:
            # In full: CEL rules check a default before the defaults below it are filled in.
            result["default"] = without_nulls(result["default"])
    elif isinstance(source.get("additionalProperties"), dict):
        result["additionalProperties"] = _node(source["additionalProperties"], definitions)
        result["x-kubernetes-map-type"] = "granular"


def _resolved(source: Schema, definitions: dict[str, Schema]) -> tuple[Schema, bool]:
    """The node without references and without the alternative null; whether null was one."""
    if "$ref" in source:
        target = definitions[source["$ref"].rpartition("/")[2]]
        # What stands beside a reference belongs to the field and wins: its description is the more specific one.
        source = {**target, **{key: value for key, value in source.items() if key != "$ref"}}
    alternatives = source.get("anyOf")
    if not alternatives or {"type": "null"} not in alternatives:
        return source, False
    others = [entry for entry in alternatives if entry != {"type": "null"}]
    beside = {key: value for key, value in source.items() if key != "anyOf"}
    if len(others) != 1:
        return {**beside, "anyOf": others}, True
    only, _ = _resolved(others[0], definitions)
    return {**only, **beside}, True


def without_nulls(default: Any) -> Any:
    """A default as the API server expects it: absent values are left out."""
    if not isinstance(default, dict):
        return default
    return {key: without_nulls(value) for key, value in default.items() if value is not None}
