"""What an alert is, and how queries select the samples of one pipeline."""

from dataclasses import dataclass
from typing import Literal

from orderpipeline_operator.domain.manifests.pipeline import Pipeline

Severity = Literal["critical", "warning"]
BY = "by (namespace, pipeline)"
"""What is left of the labels when samples of several pods, or of a former leader of the operator, become one."""


@dataclass(frozen=True)
class Alert:
    """One alerting rule. Its runbook is docs/runbooks/NAME.md.

    `expression` is PromQL; it gives a sample while something is wrong, and the alert fires once that has lasted for
    `wait`, a duration as Prometheus writes it. `summary` is one line, `description` has the numbers; both may use
    templates.
    """

    name: str
    severity: Severity
    expression: str
    wait: str
    summary: str
    description: str


class Samples:
    """Selectors of one pipeline's samples."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._of = f'namespace="{pipeline.namespace}",pipeline="{pipeline.name}"'

    def __call__(self, name: str, *matchers: str) -> str:
        """The samples of this name that have the pipeline's labels and match, such as `status=~"5.."`."""
        return f"{name}{{{','.join((self._of, *matchers))}}}"
