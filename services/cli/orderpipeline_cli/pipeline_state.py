"""An OrderPipeline with its status, as JSON."""

import json

from orderpipeline_cli.exits import CommandError
from orderpipeline_operator.domain.kubernetes.kinds import Manifest


def pipeline_from_json(text: str, source: str) -> Manifest:
    """The object. `source` names the text in errors. Raises CommandError."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise CommandError(f"{source} is not JSON: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
        raise CommandError(f"{source} is no OrderPipeline; give it as kubectl get -o json prints it")
    return found
