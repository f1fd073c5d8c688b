"""Label selectors: what they match, and what cannot be parsed."""

import pytest

from orderpipeline_operator.domain.kubernetes import selector


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True), ("a=1", True), ("a==1,b", True), ("a!=1", False), ("c!=1", True), ("!c", True), ("!a", False),
        ("a in (1,2)", True), ("a notin (1, 2)", False), ("c notin (1)", True), ("x.dev/k in (v),a=1", True),
        ("c", False),
    ],
)  # fmt: skip
def test_selectors(text, fits):
    assert selector.matches(selector.parse(text), {"a": "1", "b": "", "x.dev/k": "v"}) is fits


@pytest.mark.parametrize("text", ["a===b", ",", "a in 1", "a=b c", "a in (b", "=b", "a in (!)"])
def test_bad_selectors(text):
    with pytest.raises(ValueError, match="unable to parse"):
        selector.parse(text)
