"""JSON schemas for kubeconform, made from what a running API server publishes of itself."""

import json
from pathlib import Path
from typing import Any

_PREFIX = "#/definitions/"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def write_schemas(openapi: dict[str, Any], folder: Path) -> int:
    """One file GROUP-VERSION-kind.json for each kind in an OpenAPI v2 document. Returns how many.

    Unknown fields are refused, as the document lists all of a kind; free-form objects (raw JSON) stay free.
    """
    definitions = {name: _strict(schema) for name, schema in openapi["definitions"].items()}
    definitions[_QUANTITY] = {"type": ["string", "number"]}  # published as a string, but `cpu: 1` is fine everywhere
    count = 0
    for schema in definitions.values():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            group = kind["group"] or kind["version"]  # so kubeconform names the core group
            file = folder / f"{group}-{kind['version']}-{kind['kind'].lower()}.json"
            needed = _closure(schema, definitions)
            file.write_text(json.dumps({**schema, "definitions": needed}))
            count += 1
    return count


def write_crd_schema(crd: dict[str, Any], folder: Path) -> None:
    """As `write_schemas`, for the stored version of a custom resource that no API server has to know."""
    spec = crd["spec"]
    (version,) = (each for each in spec["versions"] if each["storage"])
    file = folder / f"{spec['group']}-{version['name']}-{spec['names']['kind'].lower()}.json"
    file.write_text(json.dumps(_strict(version["schema"]["openAPIV3Schema"])))


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    strict = {key: value for key, value in schema.items() if key != "format"}
    if "properties" in strict and not strict.get("x-kubernetes-preserve-unknown-fields"):
        strict["additionalProperties"] = False
        strict["properties"] = {name: _strict(each) for name, each in strict["properties"].items()}
    if schema.get("format") == "int-or-string":
        strict["type"] = ["string", "integer"]
    for key in ("items", "additionalProperties"):
        if isinstance(strict.get(key), dict):
            strict[key] = _strict(strict[key])
    return strict


def _closure(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """All definitions that a schema refers to, directly or not."""
    found: dict[str, Any] = {}
    todo = _references(schema)
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = definitions[name]
            todo |= _references(definitions[name])
    return found


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        here = {node["$ref"].removeprefix(_PREFIX)} if isinstance(node.get("$ref"), str) else set()
        return here.union(*(_references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(_references(value) for value in node))
    return set()
