"""Validation without a cluster. That the words are the API server's own is tested with a real one."""

import sys
from typing import Any

import pytest

from orderpipeline_cli.validation.check import NOT_CHECKED, Validated, Validator
from orderpipeline_cli.validation.defaults import with_defaults
from orderpipeline_cli.validation.rules import RULES, Rules, compares, comparing
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.crd.openapi import Schema, without_nulls
from tests.integration.operator.api.bad_specs import TAKEN_BUT_NOT_ACCEPTED, Bad
from tests.integration.operator.api.bad_specs_api import REFUSED_BY_THE_API
from tests.unit.operator.domain.manifests.specs import SPECS

OF_NEW_OBJECTS = [bad for bad in REFUSED_BY_THE_API if bad.before is None]
VALIDATOR = Validator()
WHOLE: Schema = VALIDATOR.schema
OF_CHANGES = [bad for bad in REFUSED_BY_THE_API if bad.before is not None]


def validated(spec: Any, name: str = "shop") -> Validated:
    head = {"apiVersion": "orderpipeline.dev/v1alpha1", "kind": "OrderPipeline", "metadata": {"name": name}}
    return VALIDATOR.validate({**head, "spec": spec})


@pytest.mark.parametrize("name", SPECS)
def test_good_specs_are_valid(name: str) -> None:
    found = validated(SPECS[name])
    assert [str(error) for error in found.errors] == []
    assert found.spec == OrderPipelineSpec.model_validate(SPECS[name])


@pytest.mark.parametrize("bad", [*OF_NEW_OBJECTS, *TAKEN_BUT_NOT_ACCEPTED], ids=lambda bad: f"{bad.path}-{bad.says}")
def test_bad_specs_are_named_with_their_path(bad: Bad) -> None:
    found = validated(bad.spec, bad.name)
    texts = [str(error) for error in found.errors]
    assert found.spec is None
    assert any(bad.path in text and bad.says in text for text in texts), texts


@pytest.mark.parametrize("bad", OF_CHANGES, ids=lambda bad: f"{bad.path}-{bad.says}")
def test_what_is_only_wrong_as_a_change_is_left_to_the_api_server(bad: Bad) -> None:
    assert validated(bad.spec).errors == ()


def test_it_says_how_many_rules_it_leaves_out() -> None:
    every = [rule for schema in _schemas(WHOLE) for rule in schema.get(RULES, ())]
    assert 0 < validated({}).unchecked == sum(map(compares, every)) == comparing(WHOLE) < len(every)


def test_every_other_rule_can_be_evaluated() -> None:
    """A function of Kubernetes that the evaluator lacks would end the command; so each rule meets every good spec."""
    rules = Rules()
    for spec in SPECS.values():
        full = {**with_defaults({"spec": spec}, WHOLE), "metadata": {"name": "shop"}}
        assert list(rules.check(full, WHOLE)) == []


def test_the_process_keeps_its_recursion_limit() -> None:
    before = sys.getrecursionlimit()
    Rules()
    assert sys.getrecursionlimit() == before


def test_rules_wait_for_a_sound_shape() -> None:
    errors = validated({"topic": {"partitions": "many"}, "kafka": {"minInSyncReplicas": 3}}).errors
    assert errors[-1] == NOT_CHECKED
    assert len(errors) == 2


def test_the_defaults_are_those_of_the_models() -> None:
    assert with_defaults({}, WHOLE)["spec"] == without_nulls(OrderPipelineSpec().model_dump(mode="json", by_alias=True))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ([], 'spec: Invalid value: "array": spec in body must be of type object: "array"'),
        ({"topic": None}, None),
        ({"autoscaling": {"max": None}}, None),
        ({"topic": {"partitions": 12.0}}, None),
        ({"topic": {"partitions": True}}, '"boolean"'),
        ({"producer": {"linger": "x" * 17}}, "Too long: may not be more than 16 bytes"),
        ({"paused": "yes"}, 'must be of type boolean: "string"'),
        ({"autoscaling": {"schedules": [{"name": "a"}]}}, "spec.autoscaling.schedules[0].start: Required value"),
    ],
)
def test_shapes(spec: Any, says: str | None) -> None:
    texts = [str(error) for error in validated(spec).errors]
    if says is None:
        assert texts == []
    else:
        assert any(says in text for text in texts), texts


@pytest.mark.parametrize(("name", "says"), [("", "name or generateName is required"), ("Shop", "RFC 1123")])
def test_names(name: str, says: str) -> None:
    assert any(says in str(error) for error in validated({}, name).errors)


def _schemas(schema: Schema) -> list[Schema]:
    parts = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    return [schema, *(inner for part in parts if part for inner in _schemas(part))]
