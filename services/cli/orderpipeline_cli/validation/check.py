"""What is wrong with an OrderPipeline: first the API server's word, then the operator's."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from orderpipeline_cli.documents import name_of
from orderpipeline_cli.validation.defaults import unknown_fields, with_defaults
from orderpipeline_cli.validation.field_error import FieldError, invalid, required
from orderpipeline_cli.validation.rules import Rules, comparing
from orderpipeline_cli.validation.schema import check
from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.crd.generate import crd
from orderpipeline_operator.domain.crd.openapi import Schema
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.validation.accept import Rejected, accept

NOT_CHECKED: Final = FieldError(
    "<nil>",
    "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing"
    " errors to complete validation",
)
_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_SUBDOMAIN_TEXT: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    f" end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)


@dataclass(frozen=True)
class Validated:
    """The outcome. `spec` is there when there are no errors; `unchecked` rules compare with the live object."""

    errors: tuple[FieldError, ...]
    spec: OrderPipelineSpec | None
    unchecked: int


class Validator:
    """Checks documents of kind OrderPipeline as if they were created. Keeps the schema and its compiled rules."""

    def __init__(self) -> None:
        self.schema: Schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        self._rules = Rules()
        self._unchecked = comparing(self.schema)

    def validate(self, document: Mapping[str, Any]) -> Validated:
        """Check one document."""
        given = _without_metadata(document)
        errors = [*unknown_fields(given, self.schema), *_metadata(document)]
        full: Manifest = {**with_defaults(given, self.schema), "metadata": {"name": name_of(document)}}
        errors += check(full, self.schema, "")
        if any(error.blocking for error in errors):
            return self._invalid(*errors, NOT_CHECKED)
        errors += self._rules.check(full, self.schema)
        if errors:
            return self._invalid(*errors)
        accepted = accept(full["spec"])
        if isinstance(accepted, Rejected):
            return self._invalid(*(FieldError(problem.path, problem.message) for problem in accepted.problems))
        return Validated((), accepted, self._unchecked)

    def _invalid(self, *errors: FieldError) -> Validated:
        return Validated(errors, None, self._unchecked)


def _metadata(document: Mapping[str, Any]) -> Iterator[FieldError]:
    name = name_of(document)
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif not re.fullmatch(_SUBDOMAIN, name):
        yield invalid("metadata.name", name, _SUBDOMAIN_TEXT)


def _without_metadata(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The API server has a schema of its own for metadata; and it ignores a status that is given."""
    return {key: value for key, value in document.items() if key not in ("metadata", "status")}
