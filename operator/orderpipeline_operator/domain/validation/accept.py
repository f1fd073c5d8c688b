"""Whether a spec can be carried out: what CEL rules cannot check, found before anything is written.

The API server has validated its shape; that is repeated here, since the CRD may be older than the operator.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from orderpipeline_operator.domain.api.v1alpha1 import OrderPipelineSpec
from orderpipeline_operator.domain.validation.checks import (
    disaster_recovery,
    kafka,
    kafka_templates,
    monitoring,
    pod_templates,
    scaling,
    services,
    topics,
)
from orderpipeline_operator.domain.validation.checks.problem import Problem

__all__ = ["Problem", "Rejected", "accept", "check"]


@dataclass(frozen=True)
class Rejected:
    """A spec that cannot be carried out. problems is never empty."""

    problems: tuple[Problem, ...]

    @property
    def reason(self) -> str:
        """The first problem's reason, for condition Accepted."""
        return self.problems[0].reason

    @property
    def message(self) -> str:
        """The first problem with its path, and how many more there are."""
        first, more = self.problems[0], len(self.problems) - 1
        return f"{first.path}: {first.message}" + (f" (and {more} more)" if more else "")


def accept(raw: Mapping[str, Any]) -> OrderPipelineSpec | Rejected:
    """The spec of a CR as the API server gives it, or why it cannot be carried out."""
    try:
        spec = OrderPipelineSpec.model_validate(_without_nulls(raw))
    except ValidationError as error:
        return Rejected(_invalid(error.errors()))
    problems = check(spec)
    return Rejected(problems) if problems else spec


def check(spec: OrderPipelineSpec) -> tuple[Problem, ...]:
    """What is wrong with a well-formed spec; empty when it can be carried out."""
    parts = (kafka, kafka_templates, topics, services, pod_templates, scaling, monitoring, disaster_recovery)
    return tuple(problem for part in parts for problem in part.check(spec))


def _without_nulls(value: Any) -> Any:
    """Null means absent, as it does to the API server; a default then takes its place."""
    if not isinstance(value, Mapping):
        return value
    return {key: _without_nulls(entry) for key, entry in value.items() if entry is not None}


def _invalid(errors: Iterable[ErrorDetails]) -> tuple[Problem, ...]:
    found: dict[str, Problem] = {}
    for detail in errors:
        # The types that pydantic tried for a value of several types stand at the end of the path.
        place = [str(part) for part in detail["loc"] if part not in ("str", "int", "bool")]
        path = ".".join(["spec", *place])
        message = "must be a string, a whole number, true or false" if path in found else detail["msg"]
        found[path] = Problem(path, "InvalidField", message)
    return tuple(found.values())
