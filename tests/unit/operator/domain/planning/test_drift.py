"""Whether an object has to be written again."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orderpipeline_operator.domain.planning.drift import difference, fingerprint, stamped
from tests.unit.operator.samples import stages

SCALARS = st.one_of(st.integers(-5, 5), st.booleans(), st.text("ab1m", max_size=3))
KEYS = st.sampled_from(["a", "b", "name", "requests", "value"])
TREES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3))
)


def manifest(spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "b"}, "spec": spec}


def with_defaults(tree: Any) -> Any:
    """The tree as an API server returns it: defaults added to every map, values untouched."""
    if isinstance(tree, dict):
        return {key: with_defaults(value) for key, value in tree.items()} | ({"zz-default": 1} if tree else {})
    return [with_defaults(value) for value in tree] if isinstance(tree, list) else tree


@given(TREES)
def test_what_was_applied_is_not_written_again(tree: Any) -> None:
    rendered = manifest(tree)
    assert difference(rendered, with_defaults(stamped(rendered))) is None


@given(TREES, st.data())
def test_every_edited_value_is_seen(tree: Any, data: st.DataObject) -> None:
    rendered = manifest({"here": tree})
    edited = copy.deepcopy(stamped(rendered))
    places = list(leaves(edited["spec"]))
    assume(places)
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = "edited"
    assert difference(rendered, edited) is not None


def leaves(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Each scalar of a tree, as the map or list that holds it and its place there."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(value, dict | list):
            yield from leaves(value)
        else:
            yield tree, key


@given(TREES)
def test_the_order_of_keys_does_not_matter(tree: Any) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(list(value))}
        return [turned(each) for each in value] if isinstance(value, list) else value

    assert fingerprint(manifest(tree)) == fingerprint(manifest(turned(tree)))


@pytest.mark.parametrize(
    ("want", "have", "path"),
    [
        ({"replicas": 2}, {"replicas": 3}, "spec.replicas"),
        ({"requests": {"cpu": "1000m"}}, {"requests": {"cpu": "1"}}, None),
        ({"requests": {"cpu": "1000m"}}, {"requests": {"cpu": "2"}}, "spec.requests.cpu"),
        ({"env": "1000m"}, {"env": "1"}, "spec.env"),
        ({"ports": [{"name": "a", "port": 1}]}, {"ports": [{"name": "a", "port": 1, "protocol": "TCP"}]}, None),
        ({"ports": [{"name": "a"}]}, {"ports": [{"name": "a"}, {"name": "b"}]}, "spec.ports"),
        ({"env": [{"name": "a"}, {"name": "b"}]}, {"env": [{"name": "b"}, {"name": "a"}]}, None),
        ({"selector": {}}, {"selector": {"app": "x"}}, "spec.selector"),
        ({"selector": {}}, {}, None),
        ({"on": True}, {"on": 1}, "spec.on"),
        ({"a": 1}, {}, "spec.a"),
    ],
)
def test_cases(want: Any, have: Any, path: str | None) -> None:
    rendered = manifest(want)
    assert difference(rendered, {**stamped(rendered), "spec": have}) == path


def test_a_field_that_is_no_longer_rendered_is_written() -> None:
    before, now = manifest({"a": 1, "b": 2}), manifest({"a": 1})
    assert difference(now, stamped(before)) is not None


def test_foreign_labels_and_annotations_stay() -> None:
    rendered = manifest({})
    rendered["metadata"] |= {"labels": {"ours": "1"}, "annotations": {}}
    there = stamped(rendered)
    there["metadata"]["labels"] = {"ours": "1", "theirs": "2"}
    there["metadata"]["annotations"]["theirs"] = "2"
    assert difference(rendered, there) is None


def test_all_that_is_rendered_is_settled_after_one_write() -> None:
    for stage in stages(producer={"ingress": {"host": "a.example.com"}}):
        for each in stage.manifests:
            assert difference(each, stamped(each)) is None
            assert difference(each, {**each, "metadata": {**each["metadata"], "annotations": {}}}) is not None
