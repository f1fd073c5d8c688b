"""The CRD file is what the models say, and its schema is structural."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orderpipeline_operator.domain.crd.generate import crd
from orderpipeline_operator.domain.crd.openapi import Schema

ROOT = Path(__file__).parents[5]
SCHEMA: Schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def _nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, value in schema.get("properties", {}).items():
        yield from _nodes(value, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield from _nodes(schema[inner], f"{path}[]")


def _rules() -> list[dict[str, Any]]:
    return [rule for _, node in _nodes(SCHEMA) for rule in node.get("x-kubernetes-validations", ())]


def test_the_file_is_fresh() -> None:
    result = subprocess.run(
        [sys.executable, str(ROOT / "hack" / "gen-crds"), "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_every_node_has_one_type() -> None:
    for path, node in _nodes(SCHEMA):
        open_ = node.get("x-kubernetes-int-or-string") or node.get("x-kubernetes-preserve-unknown-fields")
        assert ("type" in node) or open_, path
        assert not {"$ref", "anyOf", "oneOf", "title", "const", "additionalItems"} & set(node), path


def test_every_field_is_described() -> None:
    bare = [path for path, node in _nodes(SCHEMA) if not node.get("description") and not path.endswith("[]")]
    assert bare == [".metadata"]


def test_every_list_says_how_it_merges() -> None:
    lists = {path: node for path, node in _nodes(SCHEMA) if node.get("type") == "array"}
    assert lists
    assert all("x-kubernetes-list-type" in node for node in lists.values())


def test_strings_lists_and_maps_of_the_spec_are_bounded() -> None:
    """Unbounded ones make CEL rules too expensive, and let one object fill etcd."""
    free = []
    for path, node in _nodes(SCHEMA["properties"]["spec"], ".spec"):
        kind, bound = node.get("type"), None
        if kind == "string" and not path.endswith("[]"):
            bound = node.get("maxLength", node.get("enum"))
        elif kind == "array":
            bound = node.get("maxItems")
        elif kind == "object" and "additionalProperties" in node:
            bound = node.get("maxProperties")
        else:
            continue
        if bound is None:
            free.append(path)
    assert free == []


def test_rules_say_what_to_do() -> None:
    rules = _rules()
    assert len(rules) >= 15
    for rule in rules:
        assert len(rule["message"]) > 30, rule
        assert rule.get("fieldPath") or rule["message"].startswith(("metadata.name", "at least one")), rule
