"""`orderpipeline validate`."""

from typing import Any

from orderpipeline_cli.documents import name_of, pipelines, read
from orderpipeline_cli.exits import Exit
from orderpipeline_cli.options import File, Output
from orderpipeline_cli.output import formatted, write
from orderpipeline_cli.validation.check import Validated, Validator
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.units.wording import counted


def validate_file(*, file: File, output: Output = None) -> int:
    """Check every OrderPipeline in a file; FAILED when one of them is invalid."""
    validator = Validator()
    outcomes = [(document, validator.validate(document)) for document in pipelines(read(file), file)]
    if output:
        write(formatted([_as_value(document, outcome) for document, outcome in outcomes], output))
    else:
        write("".join(f"{file}: {text(document, outcome)}" for document, outcome in outcomes))
    return Exit.FAILED if any(outcome.errors for _, outcome in outcomes) else Exit.DONE


def text(document: Manifest, outcome: Validated) -> str:
    """The outcome in words; ends with a newline."""
    name = name_of(document)
    if outcome.errors:
        lines = (f"* {error}\n" for error in outcome.errors)
        return f'The {document["kind"]} "{name}" is invalid:\n{"".join(lines)}'
    left = f"{counted(outcome.unchecked, 'rule')} about changes, which only the API server can check"
    return f'The {document["kind"]} "{name}" is valid, but for {left}: see orderpipeline plan.\n'


def _as_value(document: Manifest, outcome: Validated) -> dict[str, Any]:
    return {
        "name": name_of(document),
        "valid": not outcome.errors,
        "errors": [{"field": error.path, "message": error.body} for error in outcome.errors],
        "uncheckedRules": outcome.unchecked,
    }
