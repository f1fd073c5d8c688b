"""`orderpipeline render`."""

from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Parameter

from orderpipeline_cli.commands.validate import text
from orderpipeline_cli.documents import name_of, namespace_of, pipelines, read
from orderpipeline_cli.exits import CommandError, Exit
from orderpipeline_cli.options import File
from orderpipeline_cli.output import Format, to_json, to_yaml, write
from orderpipeline_cli.validation.check import Validator
from orderpipeline_operator.domain.kubernetes.kinds import Manifest
from orderpipeline_operator.domain.manifests import Bundle, Context, Pipeline, render
from orderpipeline_operator.settings import Settings

UNKNOWN_UID: Final = "00000000-0000-0000-0000-000000000000"
"""Stands for the uid that the API server gives a pipeline when it is created."""


@dataclass(frozen=True)
class RenderOptions:
    """What the operator knows from its chart, and a file does not say."""

    namespace: Annotated[str, Parameter(alias="-n")] = "default"
    """Namespace of pipelines whose file names none."""
    producer_image: str = Settings.producer_image
    """Image of the order API, unless the file names one."""
    consumer_image: str = Settings.consumer_image
    """Image of the consumers, unless the file names one."""
    operator_namespace: str = "orderpipeline-system"
    """Namespace of the operator, for network policies."""
    operator_url: str = "http://orderpipeline.orderpipeline-system.svc:8080"
    """Where KEDA reaches the operator, for a ScaledObject. Its key is a placeholder."""
    output: Annotated[Format, Parameter(name=["--output", "-o"])] = "yaml"
    """yaml, or json as one List."""


DEFAULTS = RenderOptions()


def render_file(*, file: File, options: Annotated[RenderOptions, Parameter(name="*")] = DEFAULTS) -> int:
    """Print what the operator would apply for the pipelines in a file, stage by stage."""
    validator = Validator()
    bundles = [_rendered(document, file, options, validator) for document in pipelines(read(file), file)]
    if options.output == "json":
        items = [manifest for bundle in bundles for manifest in bundle.manifests()]
        write(to_json({"apiVersion": "v1", "kind": "List", "items": items}))
    else:
        write("".join(map(as_yaml, bundles)))
    return Exit.DONE


def as_yaml(bundle: Bundle) -> str:
    """The manifests as YAML documents, each stage under a comment with its name."""
    parts = []
    for stage in bundle:
        parts.append(f"# stage {stage.name}\n")
        parts.extend(f"---\n{to_yaml(manifest)}" for manifest in stage.manifests)
    return "".join(parts)


def _rendered(document: Manifest, file: str, options: RenderOptions, validator: Validator) -> Bundle:
    outcome = validator.validate(document)
    if outcome.spec is None:
        raise CommandError(f"{file}: {text(document, outcome)}".rstrip())
    namespace = namespace_of(document) or options.namespace
    context = Context(
        producer_image=options.producer_image,
        consumer_image=options.consumer_image,
        operator_namespace=options.operator_namespace,
        scaling_url=options.operator_url,
    )
    return render(Pipeline(name_of(document), namespace, UNKNOWN_UID, outcome.spec), context)
