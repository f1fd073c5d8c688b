"""Kubernetes label selectors, as they come in `?labelSelector=`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_EXISTS = re.compile(rf"(?P<no>!?)\s*(?P<key>{_KEY})")
_EQUALS = re.compile(rf"(?P<key>{_KEY})\s*(?P<op>==|=|!=)\s*(?P<value>{_VALUE})")
_SET = re.compile(rf"(?P<key>{_KEY})\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)")
_COMMA = re.compile(r",(?![^()]*\))")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term: whether `key` is there, or has (not) one of `values`."""

    key: str
    operator: Literal["exists", "absent", "in", "notin"]
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels satisfy the term; as in Kubernetes, a missing key satisfies `!=` and `notin`."""
        if self.operator == "exists":
            return self.key in labels
        if self.operator == "absent":
            return self.key not in labels
        return (labels.get(self.key) in self.values) == (self.operator == "in")


def parse(text: str) -> tuple[Requirement, ...]:
    """Terms of a selector, all of which must match; none for an empty text. Raises ValueError naming the bad term."""
    return tuple(_term(term.strip()) for term in _COMMA.split(text)) if text.strip() else ()


def matches(selector: tuple[Requirement, ...], labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy all terms."""
    return all(term.matches(labels) for term in selector)


def _term(term: str) -> Requirement:
    if found := _EQUALS.fullmatch(term):
        return Requirement(found["key"], "notin" if found["op"] == "!=" else "in", frozenset({found["value"]}))
    if found := _SET.fullmatch(term):
        values = frozenset(value.strip() for value in found["values"].split(","))
        if all(re.fullmatch(_VALUE, value) for value in values):
            return Requirement(found["key"], "in" if found["op"] == "in" else "notin", values)
    if found := _EXISTS.fullmatch(term):
        return Requirement(found["key"], "absent" if found["no"] else "exists")
    raise ValueError(f"unable to parse requirement {term!r} of the label selector")
