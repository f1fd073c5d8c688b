"""The CRD's CEL rules, evaluated without a cluster.

A rule that names oldSelf compares an object with its live one, so it says nothing of a file: the API server does not
evaluate it for a new object either. `orderpipeline plan` asks the API server, which evaluates all rules.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import celpy
from celpy.adapter import json_to_cel

from orderpipeline_cli.validation.field_error import FieldError, invalid, rejected
from orderpipeline_operator.domain.crd.openapi import Schema, without_nulls

RULES = "x-kubernetes-validations"
ROOT = "<nil>"
"""What the API server calls the whole object."""
_OLD = re.compile(r"\boldSelf\b")


class Rules:
    """Evaluates rules, and keeps what it has compiled: a rule takes milliseconds, the first one a quarter second."""

    def __init__(self) -> None:
        limit = sys.getrecursionlimit()
        self._environment = celpy.Environment()  # raises the limit of the whole process, for deeper rules than ours
        sys.setrecursionlimit(limit)
        self._programs: dict[str, celpy.Runner] = {}

    def check(self, value: Any, schema: Schema, path: str = "") -> Iterator[FieldError]:
        """The rules that a value breaks, those of a part after those of the whole. It must fit the schema."""
        if value is None:
            return
        for rule in schema.get(RULES, ()):
            if not compares(rule) and not self._holds(rule["rule"], value):
                yield _broken(rule, value, path)
        if isinstance(value, Mapping):
            yield from self._object(value, schema, path)
        if isinstance(value, list):
            for index, entry in enumerate(value):
                yield from self.check(entry, schema.get("items", {}), f"{path}[{index}]")

    def _object(self, value: Mapping[str, Any], schema: Schema, path: str) -> Iterator[FieldError]:
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, entry in value.items():
            if key in properties:
                yield from self.check(entry, properties[key], f"{path}.{key}" if path else key)
            elif others is not None:
                yield from self.check(entry, others, f"{path}[{key}]")

    def _holds(self, expression: str, value: Any) -> bool:
        if expression not in self._programs:
            self._programs[expression] = self._environment.program(self._environment.compile(expression))
        # To a rule, a field with the value null is one that is not there.
        return bool(self._programs[expression].evaluate({"self": json_to_cel(without_nulls(value))}))


def compares(rule: Mapping[str, Any]) -> bool:
    """Whether a rule compares an object with its former state."""
    return _OLD.search(rule["rule"]) is not None


def comparing(schema: Schema) -> int:
    """How many rules of a schema compare an object with its former state."""
    own = sum(map(compares, schema.get(RULES, ())))
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    return own + sum(comparing(part) for part in inner if part)


def _broken(rule: Mapping[str, Any], value: Any, path: str) -> FieldError:
    place, message = f"{path}{rule.get('fieldPath', '')}".lstrip(".") or ROOT, rule["message"]
    return rejected(place, message) if isinstance(value, Mapping | list) else invalid(place, value, message)
